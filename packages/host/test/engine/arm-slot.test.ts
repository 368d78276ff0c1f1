// Arming: read once more before each, repeated without harm, withdrawn when the slot has rotted.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { parseGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { gate } from '../../src/agent/update/commands.ts'
import { createFakeNode, makeImage, type FakeNode } from './fake-node.ts'
import { refusalOf, requestFor } from './requests.ts'

// Real GRUB and real disks, on a machine that does other things, too.
setDefaultTimeout(60_000)

let folder = ''
let node: FakeNode
let image = new Uint8Array(0)
const never = new AbortController().signal

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'arm-'))
  node = await createFakeNode(folder)
  await node.engine.recover()
  image = new Uint8Array(await makeImage(folder, { version: 'v2' }))
  await prepare()
})
afterEach(() => fs.rm(folder, { recursive: true }))

async function prepare(version = 'v2'): Promise<void> {
  node.serve(image)
  await node.engine.prepare(requestFor(image, version), () => {}, never)
}

async function rot(): Promise<void> {
  const file = await fs.open(node.slotFile('B'), 'r+')
  await file.write(new Uint8Array([0xaa]), 0, 1, 5_000_000)
  await file.close()
}

async function environment(): Promise<Record<string, string>> {
  const block = new Uint8Array(await fs.readFile(node.bootFile('grubenv')))
  return Object.fromEntries(parseGrubEnvironment(block))
}

async function expectWithdrawn(): Promise<void> {
  expect(await environment()).toEqual({ saved_entry: 'A' })
  const head = (await fs.readFile(node.slotFile('B'))).subarray(0, 65_536)
  expect(head.every((byte) => byte === 0)).toBe(true)
  await prepare()
  await node.engine.activate({})
  expect((await node.boot()).slot).toBe('B')
}

describe('activate()', () => {
  test('activate() reads the slot once more, and a rotten one is written anew by the next prepare', async () => {
    await rot()
    expect((await refusalOf(node.engine.activate({}))).code).toBe('slot-digest-mismatch')
    await expectWithdrawn()
  })

  test('activate() arms again when no reboot came, and counts one trial', async () => {
    await node.engine.activate({ operation_id: 'one' })
    await node.engine.activate({ operation_id: 'one' })
    expect((await node.engine.describe()).slots[1]?.tries).toBe(1)
    expect(await environment()).toEqual({
      saved_entry: 'A',
      next_entry: 'B',
      kubenest_trial: 'one',
    })
    expect((await node.boot()).slot).toBe('B')
  })

  test('activate() withdraws an armed slot that has rotted since', async () => {
    await node.engine.activate({})
    await rot()
    expect((await refusalOf(node.engine.activate({}))).code).toBe('slot-digest-mismatch')
    await expectWithdrawn()
  })

  test('prepare() of the armed image answers at once; of another image it is refused', async () => {
    await node.engine.activate({})
    const before = await fs.stat(node.slotFile('B'))
    await prepare()
    expect((await fs.stat(node.slotFile('B'))).mtimeMs).toBe(before.mtimeMs)
    expect((await refusalOf(prepare('v3'))).code).toBe('trial-open')
    expect((await refusalOf(node.engine.rollBack({}))).code).toBe('trial-open')
  })

  test('activate() that was taken back gives the allowance back, too', async () => {
    await fs.writeFile(path.join(node.root, 'proc/mounts'), '')
    await node.engine.activate({})
    await node.boot()
    expect(await gate(node.deps, never)).toBe(75)
    await node.boot()
    await node.restart().recover()
    await node.engine.allow({ digest: requestFor(image, 'v2').check_sum, version: 'v2' })
    await prepare()
    await node.engine.activate({})
    await node.restart().recover()
    expect((await node.engine.describe()).slots[1]?.tries).toBe(1)
    await node.engine.activate({})
    expect((await node.boot()).slot).toBe('B')
  })

  test('rollBack() arms again when no reboot came', async () => {
    await node.engine.activate({})
    await node.boot()
    expect(await gate(node.deps, never)).toBe(0)
    await node.engine.rollBack({ operation_id: 'back' })
    await node.engine.rollBack({ operation_id: 'back' })
    expect((await refusalOf(node.engine.activate({}))).code).toBe('trial-open')
    expect((await node.engine.describe()).slots[0]?.tries).toBe(1)
    expect((await node.boot()).slot).toBe('A')
  })
})
