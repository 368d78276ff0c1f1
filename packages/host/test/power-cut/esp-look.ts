// What mtools and fsck see on an ESP. The boot files are read twice: as the boot loader finds them,
// and after fsck has repaired the file system, as the next system finds them.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import type { ExecResult } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import type { DiskState } from './disk-states.ts'
import { BOOT_FOLDER } from './guest/node-disk.ts'

/** Exit codes of fsck.fat: clean, repaired. */
const REPAIRED_MAX = 1

export interface EspLook {
  readonly isRepairable: boolean
  readonly complaint: string
  /** Files of the boot folder. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** SHA-256, hex; 'absent' without the file; 'changed' when the repair changed it. */
  digestOf(name: string): string
}

/** Looks that are made once per content. */
export function looksOfEsp(folder: string) {
  const looks = new Map<string, Promise<EspLook>>()
  let runs = 0
  return {
    runs: () => runs,
    look(state: DiskState): Promise<EspLook> {
      const key = state.key('esp')
      const known = looks.get(key)
      if (known !== undefined) return known
      runs += 1
      const look = lookAt(folder, state.bytes('esp'))
      looks.set(key, look)
      return look
    },
  }
}

async function lookAt(folder: string, bytes: Uint8Array): Promise<EspLook> {
  await fs.mkdir(folder, { recursive: true })
  const image = path.join(folder, 'esp.img')
  await fs.writeFile(image, bytes)
  const files = await readBootFolder(folder, image)
  const repair = await systemExec.run({ argv: ['fsck.fat', '-a', image] })
  return espLook(repair, files, await readBootFolder(folder, image))
}

/** Apart from the bytes of the file system: what is made here is kept for the whole run. */
function espLook(
  repair: ExecResult,
  files: ReadonlyMap<string, Uint8Array>,
  repaired: ReadonlyMap<string, Uint8Array>,
): EspLook {
  return {
    isRepairable: repair.exitCode <= REPAIRED_MAX,
    complaint: `${repair.stdout}${repair.stderr}`.trim().slice(-300),
    files,
    digestOf(name) {
      const [before, after] = [files.get(name), repaired.get(name)]
      if (before === undefined && after === undefined) return 'absent'
      if (before === undefined || after === undefined) return 'changed'
      return Buffer.compare(before, after) === 0 ? digestOf(before) : 'changed'
    },
  }
}

async function readBootFolder(folder: string, image: string): Promise<Map<string, Uint8Array>> {
  const out = path.join(folder, 'files')
  await fs.rm(out, { recursive: true, force: true })
  await fs.mkdir(out)
  // A folder that cannot be read is an empty one; what must be there is judged by name.
  await systemExec.run({
    argv: ['mcopy', '-s', '-n', '-i', image, `::${BOOT_FOLDER}/*`, `${out}/`],
    env: { MTOOLS_SKIP_CHECK: '1' },
  })
  const files = new Map<string, Uint8Array>()
  for (const entry of await fs.readdir(out, { withFileTypes: true }))
    if (entry.isFile())
      files.set(entry.name, new Uint8Array(await fs.readFile(path.join(out, entry.name))))
  return files
}

function digestOf(bytes: Uint8Array): string {
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
}
