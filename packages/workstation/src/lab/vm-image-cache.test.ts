// Images cost minutes and gigabytes: made once per key, and no older than what is needed.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { ensureCached, staleEntries, withCacheLock } from './vm-image-cache.ts'

const OLD = '0123456789abcdef'
const KEY = 'fedcba9876543210'
const OLD_ROOT = `packages-${OLD}.tar`
const ROOT = `packages-${KEY}.tar`

let root = ''
let built: string[][] = []

beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'vm-cache-'))
  built = []
})
afterEach(() => fs.rm(root, { recursive: true }))

function request(names: readonly string[], fails = false) {
  return {
    root,
    key: KEY,
    names,
    fileOf: (name: string) => `${name}.img`,
    keep: [ROOT],
    build: async (folder: string, missing: readonly string[]) => {
      built.push([...missing])
      if (fails) throw new Error('no network')
      await fs.mkdir(folder, { recursive: true })
      for (const name of missing) await fs.writeFile(path.join(folder, `${name}.img`), name)
    },
  }
}

test('ensureCached() builds what is missing, once', async () => {
  expect(await ensureCached(request(['v1']))).toBe(path.join(root, KEY))
  await ensureCached(request(['v1', 'v2']))
  await ensureCached(request(['v2', 'v1']))
  expect(built).toEqual([['v1'], ['v2']])
})

test('ensureCached() removes other keys and package roots that nothing needs, and nothing else', async () => {
  await fs.mkdir(path.join(root, OLD))
  for (const file of [OLD_ROOT, ROOT, `${OLD_ROOT}.new`, 'notes.txt', 'packages-mine.tar'])
    await fs.writeFile(path.join(root, file), '')
  await ensureCached(request(['v1']))
  expect((await fs.readdir(root)).sort()).toEqual(
    [KEY, ROOT, 'notes.txt', 'packages-mine.tar'].sort(),
  )
})

test('ensureCached() keeps older images when a build fails', async () => {
  await fs.mkdir(path.join(root, OLD))
  await expect(ensureCached(request(['v1'], true))).rejects.toThrow('no network')
  expect(await fs.readdir(root)).toEqual([OLD])
})

test('staleEntries() names halves of package roots even while the whole one is needed', () => {
  expect(staleEntries([ROOT, `${ROOT}.new`, 'lock', 'work', KEY], [ROOT])).toEqual([
    `${ROOT}.new`,
    KEY,
  ])
})

test('withCacheLock() lets one in, tells others who it is, and lets go after a failure', async () => {
  const failed = withCacheLock(root, async () => {
    await expect(withCacheLock(root, async () => 1)).rejects.toMatchObject({ code: 'lock-taken' })
    throw new Error('built badly')
  })
  await expect(failed).rejects.toThrow('built badly')
  expect(await withCacheLock(root, async () => 2)).toBe(2)
})
