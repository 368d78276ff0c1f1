// upgrade A to B to A, again and again, in one process: no disk, memory or descriptor more
// than after the first round trips, and the boot environment stays where it is on its medium.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { gate, trialStart } from '../../src/agent/update/commands.ts'
import { createFakeNode, makeImage, type FakeNode } from '../engine/fake-node.ts'
import { requestFor } from '../engine/requests.ts'
import { hastyClock } from './hasty-clock.ts'
import { isLongForm } from './long-form.ts'
import { OPERATION } from './steps.ts'

setDefaultTimeout(isLongForm ? 3_600_000 : 300_000)

const ROUND_TRIPS = isLongForm ? 300 : 10
/** Caches fill in the first ones. */
const WARM_UP = 3
const MEMORY_GROWTH_BYTES_MAX = 32 * 1024 * 1024
const NEVER = new AbortController().signal

let folder = ''
let node: FakeNode
let images: readonly Uint8Array[]

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'endurance-'))
  const slotBytes = 2 * 1024 * 1024
  node = await createFakeNode(folder, { clock: hastyClock, slotBytes, imageMib: 2 })
  images = await Promise.all(
    ['v2', 'v3'].map((version) => makeImage(folder, { version, sizeMib: 2 })),
  )
})
afterAll(() => fs.rm(folder, { recursive: true }))

async function upgradeTo(slot: 'A' | 'B'): Promise<void> {
  const [even, odd] = images
  const image = (slot === 'B' ? even : odd) ?? new Uint8Array(0)
  const engine = node.restart()
  await engine.recover()
  node.serve(image)
  const request = { ...requestFor(image, slot === 'B' ? 'v2' : 'v3'), ...OPERATION }
  await engine.prepare(request, () => undefined, NEVER)
  await engine.activate(OPERATION)
  expect((await node.boot()).slot).toBe(slot)
  expect(await trialStart(node.deps)).toBe(0)
  expect(await gate(node.deps, NEVER)).toBe(0)
}

/** Names and sizes of everything, and where the boot environment is. */
async function measure(): Promise<{ files: string[]; place: number; descriptors: number }> {
  const files: string[] = []
  for (const part of ['persist', 'boot', 'slots', 'etc'])
    for (const name of await fs.readdir(path.join(node.root, part), { recursive: true })) {
      const info = await fs.lstat(path.join(node.root, part, name))
      if (info.isFile()) files.push(`${part}/${name} ${info.size}`)
    }
  const { ino } = await fs.stat(node.bootFile('grubenv'))
  const descriptors = (await fs.readdir('/proc/self/fd')).length
  return { files: files.sort(), place: ino, descriptors }
}

test('R-14: round trips leave nothing behind', async () => {
  for (let round = 0; round < WARM_UP; round += 1)
    for (const slot of ['B', 'A'] as const) await upgradeTo(slot)
  Bun.gc(true)
  const before = await measure()
  const memoryBefore = process.memoryUsage.rss()
  for (let round = 0; round < ROUND_TRIPS; round += 1)
    for (const slot of ['B', 'A'] as const) await upgradeTo(slot)
  Bun.gc(true)
  const after = await measure()
  expect(after.files).toEqual(before.files)
  expect(after.place).toBe(before.place)
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors)
  const growth = process.memoryUsage.rss() - memoryBefore
  expect(growth).toBeLessThan(MEMORY_GROWTH_BYTES_MAX)
  console.log(`R-14: ${ROUND_TRIPS} round trips, memory ${(growth / 1024 / 1024).toFixed(1)} MiB`)
})
