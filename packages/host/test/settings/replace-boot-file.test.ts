// The order of system calls that makes a replacement on FAT safe: the old file is let go of only
// after the new name is on the medium, so that no cut leaves a menu whose clusters are free.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemExec } from '@kubenest/base/system-exec'
import { removeBootLeftovers, replaceBootFile } from '../../src/linux/replace-boot-file.ts'
import { faultOf } from '../agent/fault-of.ts'

setDefaultTimeout(60_000)

let folder: string
const menu = () => path.join(folder, 'grub.cfg')
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(tmpdir(), 'boot-file-'))
  await fs.writeFile(menu(), 'old\n', { mode: 0o640 })
})
afterEach(() => fs.rm(folder, { recursive: true }))

/** Calls on files of the folder, in order: `open old`, `fsync new`, and so on. */
async function callsOf(): Promise<string[]> {
  const log = path.join(tmpdir(), `${path.basename(folder)}.strace`)
  const script = path.join(import.meta.dirname, 'replace-once.ts')
  const traced = 'trace=openat,fsync,rename,renameat,renameat2,close'
  const { exitCode, stderr } = await systemExec.run({
    argv: [
      'strace',
      '-f',
      '-y',
      '-qq',
      '-e',
      traced,
      '-o',
      log,
      process.execPath,
      script,
      menu(),
      'new\n',
    ],
    env: { HOME: tmpdir() },
  })
  expect([exitCode, stderr]).toEqual([0, ''])
  const lines = (await fs.readFile(log, 'utf8')).split('\n')
  await fs.rm(log)
  return lines.flatMap((line) => {
    const call = /^\d+ +(openat|fsync|rename\w*|close)\(/.exec(line)?.[1]
    if (call === undefined || !line.includes(folder)) return []
    const name = /kn[0-9a-f]{6}\.new/.test(line)
      ? 'new'
      : line.includes('grub.cfg')
        ? 'old'
        : 'folder'
    return [`${call.replace(/at2?$/, '')} ${name}`]
  })
}

describe('replaceBootFile()', () => {
  test('lets go of the old file after the new name was flushed', async () => {
    const calls = await callsOf()
    const renamed = calls.indexOf('rename new')
    expect(calls.slice(0, renamed)).toEqual(
      expect.arrayContaining(['open old', 'open new', 'fsync new', 'fsync folder']) as string[],
    )
    expect(calls.slice(0, renamed)).not.toContain('close old')
    // By then the new file has the old one's name.
    const after = calls
      .slice(renamed + 1)
      .filter((call) => !call.endsWith(' folder') || call === 'fsync folder')
    // The folder first: with both names on the medium fsck empties one of the two files.
    expect(after).toEqual(['fsync folder', 'fsync old', 'fsync folder', 'close old', 'close old'])
    expect(await fs.readFile(menu(), 'utf8')).toBe('new\n')
    expect((await fs.stat(menu())).mode & 0o777).toBe(0o640)
    expect(await fs.readdir(folder)).toEqual(['grub.cfg'])
  })

  test('leaves nothing when it fails, and says what to check', async () => {
    await fs.rm(menu())
    expect(await faultOf(replaceBootFile(menu(), 'new\n'))).toMatchObject({
      code: 'file-failed',
      message: expect.stringContaining('check that the boot partition is writable') as string,
    })
    expect(await fs.readdir(folder)).toEqual([])
  })

  test('removeBootLeftovers() removes what a killed process left, and nothing else', async () => {
    for (const name of ['kn0a1b2c.new', 'knight.new', 'kn0a1b2c.old', 'grubenv'])
      await fs.writeFile(path.join(folder, name), '')
    await removeBootLeftovers(menu())
    expect((await fs.readdir(folder)).sort()).toEqual([
      'grub.cfg',
      'grubenv',
      'kn0a1b2c.old',
      'knight.new',
    ])
  })
})
