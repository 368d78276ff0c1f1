import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemRawFiles } from '../../linux/raw-file.ts'
import { openSlotDevice } from './slot-device.ts'

const MIB = 1024 * 1024
let folder = ''

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'slot-device-'))
})
afterEach(async () => await fs.rm(folder, { recursive: true }))

test('readBack() gives everything in order, in pieces that leave time for callers', async () => {
  const file = path.join(folder, 'slot')
  const content = new Uint8Array(5 * MIB + 8192).map((_, index) => index % 251)
  await fs.writeFile(file, content)
  const device = await openSlotDevice(systemRawFiles, file, content.length, 'read')
  const digest = new Bun.CryptoHasher('sha256')
  const lengths: number[] = []
  await device.readBack(4096, content.length, (bytes) => {
    digest.update(bytes)
    lengths.push(bytes.length)
  })
  await device.close()
  const wanted = new Bun.CryptoHasher('sha256').update(content.subarray(4096)).digest('hex')
  expect(digest.digest('hex')).toBe(wanted)
  expect(Math.max(...lengths)).toBeLessThanOrEqual(MIB)
})
