// What the next system finds on persist: e2fsck replays the journal of ext4 and repairs, debugfs
// reads the files.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import type { ExecResult } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import type { DiskState } from './disk-states.ts'

const JOURNAL = '/kubenest/journal'
/** Exit codes of e2fsck: clean, repaired, repaired and wants a reboot. */
const REPAIRED_MAX = 3

export interface PersistLook {
  readonly isRepairable: boolean
  readonly complaint: string
  /** The agent's journal. */
  readonly journal: Uint8Array | undefined
  /** SHA-256, hex; 'absent' without the file. */
  digestOf(file: string): string
}

/** Looks that are made once per content. */
export function looksOfPersist(folder: string) {
  const looks = new Map<string, Promise<PersistLook>>()
  let runs = 0
  return {
    runs: () => runs,
    look(state: DiskState, wanted: readonly string[]): Promise<PersistLook> {
      const key = `${state.key('persist')} ${wanted.join()}`
      const known = looks.get(key)
      if (known !== undefined) return known
      runs += 1
      const look = lookAt(folder, state.bytes('persist'), wanted)
      looks.set(key, look)
      return look
    },
  }
}

async function lookAt(
  folder: string,
  bytes: Uint8Array,
  wanted: readonly string[],
): Promise<PersistLook> {
  await fs.rm(folder, { recursive: true, force: true })
  await fs.mkdir(folder, { recursive: true })
  const image = path.join(folder, 'persist.img')
  await fs.writeFile(image, bytes)
  // Without an answer to questions: what preening does not repair stops a boot.
  const repair = await systemExec.run({ argv: ['e2fsck', '-fp', image] })
  const names = [JOURNAL, ...wanted]
  const dumps = names.map((name, index) => `dump ${name} ${folder}/${index}`)
  await systemExec.run({ argv: ['debugfs', '-f', '-', image], stdin: `${dumps.join('\n')}\n` })
  const files = new Map<string, Uint8Array>()
  for (const [index, name] of names.entries()) {
    const content = await readOrNothing(path.join(folder, String(index)))
    if (content !== undefined) files.set(name, content)
  }
  return persistLook(repair, files)
}

/** Apart from the bytes of the file system: what is made here is kept for the whole run. */
function persistLook(repair: ExecResult, files: ReadonlyMap<string, Uint8Array>): PersistLook {
  return {
    isRepairable: repair.exitCode <= REPAIRED_MAX,
    complaint: `${repair.stdout}${repair.stderr}`.trim().slice(-300),
    journal: files.get(JOURNAL),
    digestOf: (file) => digestOf(files.get(file)),
  }
}

async function readOrNothing(file: string): Promise<Uint8Array | undefined> {
  return (await Bun.file(file).exists()) ? new Uint8Array(await fs.readFile(file)) : undefined
}

function digestOf(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return 'absent'
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
}
