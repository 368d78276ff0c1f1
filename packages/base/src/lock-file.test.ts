// The lock must survive crashes of its holder without a person, and never be held twice.
import { expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { takeLockFile } from './lock-file.ts'

async function temporaryLock(): Promise<string> {
  return `${await fs.mkdtemp('/tmp/lock-file-test-')}/lock`
}

test('takeLockFile() refuses while a running process holds the lock', async () => {
  const file = await temporaryLock()
  const held = await takeLockFile(file)
  await expect(takeLockFile(file)).rejects.toMatchObject({ kind: 'blocked', code: 'lock-taken' })
  await held.release()
  await (await takeLockFile(file)).release()
  expect(await fs.readdir(path.dirname(file))).toEqual([])
})

test('takeLockFile() breaks the lock of a process that ended', async () => {
  const file = await temporaryLock()
  const child = Bun.spawn(['true'])
  await child.exited
  await fs.writeFile(file, `${child.pid} 12345 some-boot`)
  await (await takeLockFile(file)).release()
})

test('takeLockFile() breaks the lock of another process that had the same pid', async () => {
  const file = await temporaryLock()
  await fs.writeFile(file, `${process.pid} 1 some-boot`)
  await (await takeLockFile(file)).release()
})

test('takeLockFile() lets one of many contenders in', async () => {
  const file = await temporaryLock()
  await fs.writeFile(file, '999999999 1 some-boot')
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => takeLockFile(file)))
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1)
})
