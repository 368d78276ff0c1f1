// The whole engine on real files: write, verify, arm, boot by the real GRUB, gate, commit, fall
// back.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import { isOsError, type OsError } from '@kubenest/base/errors'
import { systemExec } from '@kubenest/base/system-exec'
import {
  parseGrubEnvironment,
  renderGrubEnvironment,
} from '@kubenest/provision/boot/grub-environment'
import { allowImage } from '../../src/agent/update/allow-image.ts'
import { deadline, gate, trialStart } from '../../src/agent/update/commands.ts'
import { createEngineContext } from '../../src/agent/update/engine-context.ts'
import { createFakeNode, makeImage, SLOT_BYTES, type FakeNode } from './fake-node.ts'

// Real GRUB on a machine that does other things, too.
setDefaultTimeout(60_000)

let folder = ''
let node: FakeNode

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'engine-'))
  node = await createFakeNode(folder)
  await node.engine.recover()
})
afterEach(() => fs.rm(folder, { recursive: true }))

const never = new AbortController().signal

function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
}

function request(image: Uint8Array, version: string): PrepareUpgradeParams {
  return {
    version,
    check_sum: sha256(image).toUpperCase(),
    image_type: 'disk',
    container_image: '',
    image_url: 'http://x/y',
    flag_safe: true,
    mtls: false,
    certs: { ca_cert: '', client_cert: '', client_key: '' },
  }
}

async function prepare(image: Uint8Array, version: string): Promise<void> {
  node.serve(image)
  await node.engine.prepare(request(image, version), () => {}, never)
}

async function refusal(task: Promise<unknown>): Promise<OsError> {
  const error = await task.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!isOsError(error)) throw new Error(`no OsError but ${String(error)}`)
  return error
}

async function environment(): Promise<Record<string, string>> {
  const block = new Uint8Array(await fs.readFile(node.bootFile('grubenv')))
  return Object.fromEntries(parseGrubEnvironment(block))
}

async function trialBoot(): Promise<void> {
  await node.engine.activate({})
  expect((await node.boot()).slot).toBe('B')
}

async function upgradeTo(version: string): Promise<Uint8Array> {
  const image = await makeImage(folder, { version })
  await prepare(image, version)
  await node.engine.activate({})
  await node.boot()
  expect(await trialStart(node.deps)).toBe(0)
  expect(await gate(node.deps, never)).toBe(0)
  node = { ...node, engine: node.restart() }
  await node.engine.recover()
  return image
}

describe('engine', () => {
  test('engine upgrades by a trial, commits, and rolls back by a trial', async () => {
    await upgradeTo('v2')
    expect(await environment()).toEqual({ saved_entry: 'B' })
    const after = await node.engine.describe()
    expect(after.trial?.verdict).toBe('Committed')
    expect(after.slots.map((slot) => [slot.name, slot.booted, slot.state])).toEqual([
      ['A', false, 'committed'],
      ['B', true, 'committed'],
    ])
    expect((await node.boot()).slot).toBe('B')

    await node.engine.rollBack({})
    expect((await node.boot()).slot).toBe('A')
    expect(await trialStart(node.deps)).toBe(0)
    expect(await gate(node.deps, never)).toBe(0)
    expect((await node.boot()).slot).toBe('A')
    expect(await environment()).toEqual({ saved_entry: 'A' })
  })

  test('engine writes the label of the target slot, and its digest is of the bytes as written', async () => {
    const image = await makeImage(folder, { version: 'v2', label: 'ROOT-A' })
    await prepare(image, 'v2')
    const written = (await fs.readFile(node.slotFile('B'))).subarray(0, image.length)
    const label = await systemExec.run({ argv: ['e2label', node.slotFile('B')] })
    expect(label.stdout.trim()).toBe('ROOT-B')
    const check = await systemExec.run({ argv: ['e2fsck', '-fn', node.slotFile('B')] })
    expect(check.exitCode).toBe(0)
    const slot = (await node.engine.describe()).slots[1]
    expect(slot?.digest).toBe(sha256(new Uint8Array(written)))
    expect(slot?.imageDigest).toBe(sha256(image))
    expect(slot?.state).toBe('verified')
  })

  test('engine writes nothing when the same digest is prepared again', async () => {
    const image = await makeImage(folder, { version: 'v2' })
    await prepare(image, 'v2')
    const before = await fs.stat(node.slotFile('B'))
    node.serve(new Uint8Array([1]))
    await node.engine.prepare(request(image, 'v2'), () => {}, never)
    expect((await fs.stat(node.slotFile('B'))).mtimeMs).toBe(before.mtimeMs)
  })

  test('engine takes a zstd image whose digest is of the wire', async () => {
    const image = await makeImage(folder, { version: 'v2' })
    await prepare(new Uint8Array(Bun.zstdCompressSync(image)), 'v2')
    await trialBoot()
  })

  test('engine returns to the old slot when the gate is red, and refuses the image afterwards', async () => {
    const image = await makeImage(folder, { version: 'v3' })
    await prepare(image, 'v3')
    await trialBoot()
    await fs.writeFile(path.join(node.root, 'proc/mounts'), '')
    expect(await trialStart(node.deps)).toBe(0)
    expect(await gate(node.deps, never)).toBe(75)
    expect(node.rebootsAsked()).toBe(1)
    expect((await node.boot()).slot).toBe('A')
    const engine = node.restart()
    await engine.recover()
    const after = await engine.describe()
    expect(after.trial?.verdict).toBe('TrialUnhealthy')
    expect(after.trial?.reasons).toEqual(['/persist is not mounted'])
    expect(after.slots[1]).toMatchObject({ state: 'bad', tries: 1 })
    const again = await refusal(engine.prepare(request(image, 'v3'), () => {}, never))
    expect(again.code).toBe('image-failed-before')
    expect((await refusal(engine.rollBack({}))).code).toBe('no-previous')
    const digest = sha256(image)
    const context = createEngineContext(node.deps)
    for (const other of [
      { digest: 'e'.repeat(64), version: 'v3' },
      { digest, version: 'v4' },
    ])
      expect((await refusal(allowImage(context, other))).code).toBe('image-not-failed')
    const granted = { ...request(image, 'v3'), attempt: 'token-1' }
    await engine.prepare(granted, () => {}, never)
    expect((await engine.describe()).slots[1]?.state).toBe('verified')
  })

  test('allowImage() grants one further trial of an image that fell back', async () => {
    const image = await makeImage(folder, { version: 'v3' })
    await prepare(image, 'v3')
    await trialBoot()
    await node.boot()
    await node.restart().recover()
    const refused = await refusal(node.engine.prepare(request(image, 'v3'), () => {}, never))
    expect(refused.message).toContain('os-agent allow')
    const context = createEngineContext(node.deps)
    await allowImage(context, { digest: sha256(image), version: 'v3' })
    await prepare(image, 'v3')
    await trialBoot()
    await node.boot()
    await node.restart().recover()
    const again = await refusal(node.engine.prepare(request(image, 'v3'), () => {}, never))
    expect(again.code).toBe('image-failed-before')
  })

  test('engine tells a trial that never started from one that was cut', async () => {
    const image = await makeImage(folder, { version: 'v2' })
    await prepare(image, 'v2')
    await trialBoot()
    expect((await node.boot()).slot).toBe('A')
    const engine = node.restart()
    await engine.recover()
    expect((await engine.describe()).trial?.verdict).toBe('TrialNotReached')
  })

  test('engine says TrialInterrupted when the trial started and ended without a verdict', async () => {
    await prepare(await makeImage(folder, { version: 'v2' }), 'v2')
    await trialBoot()
    expect(await trialStart(node.deps)).toBe(0)
    expect((await node.boot()).slot).toBe('A')
    const engine = node.restart()
    await engine.recover()
    expect((await engine.describe()).trial?.verdict).toBe('TrialInterrupted')
  })

  test('deadline() reboots a trial that is not decided in time', async () => {
    await prepare(await makeImage(folder, { version: 'v2' }), 'v2')
    await trialBoot()
    await trialStart(node.deps)
    expect(await deadline(node.deps)).toBe(0)
    expect(node.rebootsAsked()).toBe(0)
    await fs.writeFile(path.join(node.root, 'proc/uptime'), '911.00 1.00\n')
    await deadline(node.deps)
    expect(node.rebootsAsked()).toBe(1)
    await node.boot()
    const engine = node.restart()
    await engine.recover()
    expect((await engine.describe()).trial?.reasons).toEqual([
      'The trial was not decided within 900 s',
    ])
  })

  test('deadline() counts from the boot when the start was never noted', async () => {
    await prepare(await makeImage(folder, { version: 'v2' }), 'v2')
    await trialBoot()
    await deadline(node.deps)
    expect(node.rebootsAsked()).toBe(0)
    await fs.writeFile(path.join(node.root, 'proc/uptime'), '901.00 1.00\n')
    await deadline(node.deps)
    expect(node.rebootsAsked()).toBe(1)
  })

  test('deadline() never reboots a committed slot', async () => {
    await upgradeTo('v2')
    await fs.writeFile(path.join(node.root, 'proc/uptime'), '99999.00 1.00\n')
    await deadline(node.deps)
    expect(node.rebootsAsked()).toBe(0)
    expect(await fs.readdir(path.join(node.root, 'run/kubenest'))).toContain('decided')
  })

  test('trialStart() reboots at the second start of the same trial', async () => {
    await prepare(await makeImage(folder, { version: 'v2' }), 'v2')
    await trialBoot()
    await trialStart(node.deps)
    // A menu that boots the trial although it could not clear next_entry, as the documented one
    // does.
    const stuck = new Map([
      ['saved_entry', 'A'],
      ['next_entry', 'B'],
    ])
    await fs.writeFile(node.bootFile('grubenv'), renderGrubEnvironment(stuck))
    await fs.writeFile(path.join(node.root, 'proc/sys/kernel/random/boot_id'), 'another\n')
    await trialStart(node.deps)
    expect(node.rebootsAsked()).toBe(1)
    expect((await node.boot()).slot).toBe('A')
  })

  test('engine respects a slot chosen by hand and saves it once it is healthy', async () => {
    await upgradeTo('v2')
    await fs.writeFile(
      path.join(node.root, 'proc/cmdline'),
      'root=PARTUUID=11111111-1111-4111-8111-111111111111\n',
    )
    const engine = node.restart()
    await engine.recover()
    expect((await engine.describe()).trial?.verdict).toBe('ManualRollback')
    const image = await makeImage(folder, { version: 'v4' })
    const early = await refusal(engine.prepare(request(image, 'v4'), () => {}, never))
    expect(early.code).toBe('running-slot-not-saved')
    expect(await gate(node.deps, never)).toBe(0)
    expect((await environment())['saved_entry']).toBe('A')
    expect((await engine.describe()).trial?.verdict).toBe('ManualRollback')
  })

  test('engine switches to an image with a foreign agent for good and says so', async () => {
    await prepare(await makeImage(folder, { version: 'v2', agent: false, units: false }), 'v2')
    await node.engine.activate({})
    expect((await environment())['saved_entry']).toBe('B')
    expect((await node.engine.describe()).degraded.map((each) => each.reason)).toEqual(['NoTrial'])
  })

  test('engine refuses upgrade without a verified slot', async () => {
    expect((await refusal(node.engine.activate({}))).code).toBe('nothing-prepared')
  })

  test('engine takes back an arming that was not followed by a reboot', async () => {
    await prepare(await makeImage(folder, { version: 'v2' }), 'v2')
    await node.engine.activate({})
    const engine = node.restart()
    await engine.recover()
    expect(await environment()).toEqual({ saved_entry: 'A' })
    await engine.activate({})
    expect((await node.boot()).slot).toBe('B')
  })

  test('engine refuses a slot whose bits have rotted', async () => {
    await upgradeTo('v2')
    const file = await fs.open(node.slotFile('A'), 'r+')
    await upgradeBack()
    await file.write(new Uint8Array([0xaa]), 0, 1, 5_000_000)
    await file.close()
    async function upgradeBack(): Promise<void> {
      const image = await makeImage(folder, { version: 'v5' })
      await prepare(image, 'v5')
      await node.engine.activate({})
      expect((await node.boot()).slot).toBe('A')
      await gate(node.deps, never)
      await node.engine.rollBack({})
      await node.boot()
      await gate(node.deps, never)
    }
    expect((await refusal(node.engine.rollBack({}))).code).toBe('slot-digest-mismatch')
  })
})

describe('bad images', () => {
  const cases: [string, () => Promise<[Uint8Array, string, string?]>][] = [
    ['image-version-mismatch', async () => [await makeImage(folder, { version: 'v9' }), 'v2']],
    [
      'image-not-bootable',
      async () => [await makeImage(folder, { version: 'v2', kernel: false }), 'v2'],
    ],
    [
      'image-architecture-mismatch',
      async () => [await makeImage(folder, { version: 'v2', machine: 0xb7 }), 'v2'],
    ],
    ['image-format-unknown', async () => [new Uint8Array(100_000).fill(7), 'v2']],
    ['image-too-large', async () => [await padded(SLOT_BYTES + 4096), 'v2']],
    [
      'image-digest-mismatch',
      async () => [await makeImage(folder, { version: 'v2' }), 'v2', 'f'.repeat(64)],
    ],
    [
      'image-damaged',
      async () => {
        const image = Bun.zstdCompressSync(await makeImage(folder, { version: 'v2' }))
        return [new Uint8Array(image.subarray(0, image.length - 100)), 'v2']
      },
    ],
  ]
  for (const [code, make] of cases) {
    test(`engine refuses with ${code} and leaves nothing bootable`, async () => {
      const [image, version, digest] = await make()
      node.serve(image)
      const params = {
        ...request(image, version),
        ...(digest === undefined ? {} : { check_sum: digest }),
      }
      const error = await refusal(node.engine.prepare(params, () => {}, never))
      expect(error.code).toBe(code)
      expect(error.message).toStartWith('Cannot ')
      const head = (await fs.readFile(node.slotFile('B'))).subarray(0, 65_536)
      expect(head.every((byte) => byte === 0)).toBe(true)
      expect((await refusal(node.engine.activate({}))).code).toBe('nothing-prepared')
      expect((await node.boot()).slot).toBe('A')
    })
  }

  async function padded(lengthBytes: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(lengthBytes)
    bytes.set(await makeImage(folder, { version: 'v2' }))
    return bytes
  }

  test('engine leaves nothing bootable when the preparation is cancelled', async () => {
    const image = await makeImage(folder, { version: 'v2' })
    node.serve(image)
    const abort = new AbortController()
    const onProgress = () => abort.abort()
    const error = await refusal(node.engine.prepare(request(image, 'v2'), onProgress, abort.signal))
    expect(error.code).toBe('cancelled')
    expect((await node.boot()).slot).toBe('A')
  })
})
