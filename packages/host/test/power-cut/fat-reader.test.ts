// The reader of the judge against mtools, on a file system as a cut may leave it.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import { readFatFolder } from './fat-reader.ts'

const SECTOR_BYTES = 512
const CONTENT = 'line of a menu\n'.repeat(400)

let folder = ''
let image = ''

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'fat-reader-'))
  image = path.join(folder, 'esp.img')
  await run('mkfs.vfat', '--invariant', '-C', image, '10240')
  await fs.writeFile(path.join(folder, 'grub.cfg'), CONTENT)
  await run('mmd', '-i', image, '::EFI')
  await run('mcopy', '-i', image, path.join(folder, 'grub.cfg'), '::EFI/')
})
afterAll(() => fs.rm(folder, { recursive: true, force: true }))

describe('readFatFolder()', () => {
  test('reads a file of several clusters as mtools does', async () => {
    const bytes = new Uint8Array(await fs.readFile(image))
    expect(textOf(bytes, 'mtools')).toBe(await copied(image))
    expect(textOf(bytes, 'boot-loader')).toBe(CONTENT)
  })

  test('reads clusters that are marked free as the boot loader does, and as mtools does', async () => {
    const bytes = new Uint8Array(await fs.readFile(image))
    freeClusters(bytes)
    const cut = path.join(folder, 'cut.img')
    await fs.writeFile(cut, bytes)
    expect(await copied(cut)).toBe('')
    expect(textOf(bytes, 'mtools')).toBe('')
    // The first cluster is named by the entry itself.
    expect(CONTENT.startsWith(textOf(bytes, 'boot-loader') ?? '-')).toBe(true)
    expect(textOf(bytes, 'boot-loader')).not.toBe('')
  })
})

function textOf(bytes: Uint8Array, reader: 'boot-loader' | 'mtools'): string | undefined {
  const read = (at: number, length: number) => bytes.slice(at, at + length)
  const content = readFatFolder(read, 'EFI', reader).get('grub.cfg')
  return content === undefined ? undefined : new TextDecoder().decode(content)
}

/** All but the first three entries of both tables: as if they had not been written. */
function freeClusters(bytes: Uint8Array): void {
  const boot = new DataView(bytes.buffer)
  const start = boot.getUint16(14, true) * SECTOR_BYTES
  const size = boot.getUint16(22, true) * SECTOR_BYTES
  for (const copy of [0, 1]) bytes.fill(0, start + copy * size + 6, start + (copy + 1) * size)
}

async function copied(file: string): Promise<string> {
  const out = path.join(folder, 'out')
  await fs.rm(out, { recursive: true, force: true })
  await fs.mkdir(out)
  const argv = ['mcopy', '-s', '-n', '-i', file, '::EFI/*', `${out}/`] as const
  await systemExec.run({ argv, env: { MTOOLS_SKIP_CHECK: '1' } })
  return fs.readFile(path.join(out, 'grub.cfg'), 'utf8')
}

async function run(...argv: [string, ...string[]]): Promise<void> {
  await runOrThrow(systemExec, 'make the ESP', { argv, env: { MTOOLS_SKIP_CHECK: '1' } })
}
