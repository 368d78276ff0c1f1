// The disk of a node as real tools make it: GPT, FAT on the ESP, two ext4 slots, ext4 with a
// journal for persist. What is on the ESP and on persist is given.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'

export const MIB = 1024 * 1024
export const SECTOR_BYTES = 512
export const PARTUUIDS = {
  esp: '00000000-0000-4000-8000-000000000001',
  A: '11111111-1111-4111-8111-111111111111',
  B: '22222222-2222-4222-8222-222222222222',
  persist: '00000000-0000-4000-8000-000000000004',
} as const
export const BOOT_FOLDER = 'EFI/openEuler'

export type Region = 'esp' | 'A' | 'B' | 'persist'
export const REGIONS: readonly Region[] = ['esp', 'A', 'B', 'persist']

/** Where the partitions are, bytes. */
export type Layout = Readonly<Record<Region, { readonly start: number; readonly size: number }>>

export interface NodeDiskOptions {
  readonly slotMib: number
  /** Image of slot A, and of slot B where it has one. */
  readonly slots: { readonly A: Uint8Array; readonly B?: Uint8Array }
  /** Files of the boot folder on the ESP. */
  readonly boot: Readonly<Record<string, string | Uint8Array>>
  /** Files of persist by path. */
  readonly persist: Readonly<Record<string, string | Uint8Array>>
}

const ESP_MIB = 10
const PERSIST_MIB = 16

/** Partitions in the documented order. */
export function layoutOf(slotMib: number): Layout {
  const at = (start: number, size: number) => ({ start: start * MIB, size: size * MIB })
  return {
    esp: at(1, ESP_MIB),
    A: at(1 + ESP_MIB, slotMib),
    B: at(1 + ESP_MIB + slotMib, slotMib),
    persist: at(1 + ESP_MIB + 2 * slotMib, PERSIST_MIB),
  }
}

/** Makes the disk as a file. */
export async function makeNodeDisk(file: string, options: NodeDiskOptions): Promise<void> {
  const layout = layoutOf(options.slotMib)
  await fs.writeFile(file, new Uint8Array(0))
  await fs.truncate(file, layout.persist.start + layout.persist.size + MIB)
  const lines = REGIONS.map(
    (region) =>
      `start=${layout[region].start / SECTOR_BYTES}, size=${layout[region].size / SECTOR_BYTES}, uuid=${PARTUUIDS[region]}`,
  )
  await runOrThrow(systemExec, 'partition the disk', {
    argv: ['sfdisk', '--quiet', '--no-reread', '--no-tell-kernel', file],
    stdin: `label: gpt\n${lines.join('\n')}\n`,
  })
  const handle = await fs.open(file, 'r+')
  try {
    for (const slot of ['A', 'B'] as const) {
      const image = options.slots[slot]
      if (image !== undefined) await handle.write(image, 0, image.length, layout[slot].start)
    }
    const esp = await makeEsp(`${file}.esp`, options.boot)
    await handle.write(esp, 0, esp.length, layout.esp.start)
    const persist = await makePersist(`${file}.persist`, options.persist)
    await handle.write(persist, 0, persist.length, layout.persist.start)
  } finally {
    await handle.close()
  }
}

async function makeEsp(file: string, boot: NodeDiskOptions['boot']): Promise<Uint8Array> {
  const run = (...argv: [string, ...string[]]) =>
    runOrThrow(systemExec, 'make the ESP', { argv, env: { MTOOLS_SKIP_CHECK: '1' } })
  await fs.rm(file, { force: true })
  await run('mkfs.vfat', '--invariant', '-n', 'BOOT', '-C', file, String(ESP_MIB * 1024))
  await run('mmd', '-i', file, '::EFI', `::${BOOT_FOLDER}`)
  const folder = `${file}.files`
  await writeFiles(folder, boot)
  const sources = Object.keys(boot).map((name) => path.join(folder, name))
  await run('mcopy', '-i', file, ...sources, `::${BOOT_FOLDER}/`)
  const bytes = new Uint8Array(await fs.readFile(file))
  await fs.rm(folder, { recursive: true })
  await fs.rm(file)
  return bytes
}

async function makePersist(file: string, files: NodeDiskOptions['persist']): Promise<Uint8Array> {
  const folder = `${file}.files`
  await writeFiles(folder, files)
  await fs.rm(file, { force: true })
  await runOrThrow(systemExec, 'make persist', {
    argv: ['mke2fs', '-q', '-t', 'ext4', '-L', 'PERSIST', '-d', folder, file, `${PERSIST_MIB}M`],
  })
  const bytes = new Uint8Array(await fs.readFile(file))
  await fs.rm(folder, { recursive: true })
  await fs.rm(file)
  return bytes
}

async function writeFiles(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  await fs.mkdir(folder, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    await fs.mkdir(path.dirname(path.join(folder, name)), { recursive: true })
    await fs.writeFile(path.join(folder, name), content)
  }
}
