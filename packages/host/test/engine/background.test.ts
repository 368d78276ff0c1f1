// What an agent does beside its requests: gating images that bring no trial units, and the digest
// of a slot that came without one.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemClock, type Clock } from '@kubenest/base/clock'
import { createUpdateEngine } from '../../src/agent/update/engine.ts'
import { gate, trialStart } from '../../src/agent/update/commands.ts'
import type { UpdateEngine } from '../../src/agent/update/update-engine.ts'
import { createFakeNode, makeImage, type FakeNode } from './fake-node.ts'
import { refusalOf, requestFor, until } from './requests.ts'

// Real GRUB and real disks, on a machine that does other things, too.
setDefaultTimeout(60_000)

let folder = ''
let stop: AbortController
const never = new AbortController().signal
/** Sleeps are noted and end at once. */
let slept: number[] = []
const clock: Clock = {
  ...systemClock,
  sleep: async (delayMs, signal) => {
    slept.push(delayMs)
    await systemClock.sleep(0, signal)
  },
}

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'background-'))
  stop = new AbortController()
  slept = []
})
afterEach(async () => {
  stop.abort()
  await fs.rm(folder, { recursive: true })
})

async function start(node: FakeNode): Promise<UpdateEngine> {
  const engine = createUpdateEngine({ ...node.deps, clock, stop: stop.signal })
  await engine.recover()
  return engine
}

async function settled(engine: UpdateEngine): Promise<void> {
  await until('the end of the background work', async () => !engine.hasBackgroundWork())
}

async function upgrade(node: FakeNode, engine: UpdateEngine, units: boolean): Promise<void> {
  const image = await makeImage(folder, { version: 'v2', units })
  node.serve(image)
  await engine.prepare(requestFor(image, 'v2'), () => {}, never)
  await engine.activate({})
  expect((await node.boot()).slot).toBe('B')
}

describe('images with our agent and no trial units', () => {
  test('recover() gates and commits in the agent, and says that it is a partial trial', async () => {
    const node = await createFakeNode(folder, { wholeUnits: false })
    await upgrade(node, await start(node), false)
    const engine = await start(node)
    expect(engine.hasBackgroundWork()).toBe(true)
    await settled(engine)
    const status = await engine.describe()
    expect(status.trial?.verdict).toBe('Committed')
    expect(status.degraded.map((each) => each.reason)).toContain('PartialTrial')
    expect((await node.boot()).slot).toBe('B')
  })

  test('recover() returns to the old slot when the node is not healthy', async () => {
    const node = await createFakeNode(folder, { wholeUnits: false })
    await upgrade(node, await start(node), false)
    await fs.writeFile(path.join(node.root, 'proc/mounts'), '')
    await settled(await start(node))
    expect(node.rebootsAsked()).toBe(1)
    expect((await node.boot()).slot).toBe('A')
    const { trial } = await (await start(node)).describe()
    expect([trial?.verdict, trial?.reasons]).toEqual([
      'TrialUnhealthy',
      ['/persist is not mounted'],
    ])
  })

  test('recover() leaves the gate to the units where there are some', async () => {
    const node = await createFakeNode(folder)
    await upgrade(node, await start(node), true)
    expect(await trialStart(node.deps)).toBe(0)
    const engine = await start(node)
    await settled(engine)
    expect((await engine.describe()).trial?.verdict).toBe('InTrial')
  })
})

describe('factory slot', () => {
  test('the digest of the running slot is taken at rest, and a rollback to it is verified', async () => {
    const node = await createFakeNode(folder)
    const first = await start(node)
    await settled(first)
    const bytes = await fs.readFile(node.slotFile('A'))
    const digest = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
    expect((await first.describe()).slots[0]?.digest).toBe(digest)
    // One wait before it starts, then a rest after each of 16 pieces.
    expect(slept.length).toBe(17)
    await upgrade(node, first, true)
    expect(await gate(node.deps, never)).toBe(0)
    const second = await start(node)
    const file = await fs.open(node.slotFile('A'), 'r+')
    await file.write(new Uint8Array([0xaa]), 0, 1, 5_000_000)
    await file.close()
    expect((await refusalOf(second.rollBack({}))).code).toBe('slot-digest-mismatch')
  })

  test('a slot without a digest is rolled back to after a look, and says so until it is recorded', async () => {
    const node = await createFakeNode(folder)
    await node.engine.recover()
    await upgrade(node, node.engine, true)
    expect(await gate(node.deps, never)).toBe(0)
    await node.engine.rollBack({})
    const reasons = async (engine: UpdateEngine) =>
      (await engine.describe()).degraded.map((each) => each.reason)
    expect(await reasons(node.engine)).toEqual(['UnverifiedSlot'])
    expect((await node.boot()).slot).toBe('A')
    expect(await gate(node.deps, never)).toBe(0)
    const engine = await start(node)
    await settled(engine)
    expect(await reasons(engine)).toEqual([])
    expect((await engine.describe()).slots[0]?.digest).toHaveLength(64)
  })

  test('a damaged slot without a digest is not armed', async () => {
    const node = await createFakeNode(folder)
    await node.engine.recover()
    await upgrade(node, node.engine, true)
    expect(await gate(node.deps, never)).toBe(0)
    const file = await fs.open(node.slotFile('A'), 'r+')
    await file.write(new Uint8Array(4096).fill(0x5a), 0, 4096, 2048)
    await file.close()
    expect((await refusalOf(node.engine.rollBack({}))).code).toBe('slot-file-system-damaged')
    expect((await node.boot()).slot).toBe('B')
  })

  test('no digest is taken of a root that is mounted for writing', async () => {
    const node = await createFakeNode(folder)
    const line = '/dev/disk/by-label/ROOT-A / ext4 rw,relatime 0 0\n'
    await fs.writeFile(path.join(node.root, 'proc/mounts'), line)
    const engine = await start(node)
    await settled(engine)
    expect((await engine.describe()).slots[0]?.digest).toBeUndefined()
  })
})

describe('boot environment', () => {
  test('recover() writes the selector anew when both copies are unreadable', async () => {
    const node = await createFakeNode(folder)
    await upgrade(node, await start(node), true)
    expect(await gate(node.deps, never)).toBe(0)
    for (const name of ['grubenv', 'grubenv.bak'])
      await fs.writeFile(node.bootFile(name), new Uint8Array(1024))
    await start(node)
    expect((await node.boot()).slot).toBe('B')
  })
})
