// What a person asks of a node: both slots in full, a comparison with their records, a commit by
// hand, and files of /etc that hide newer ones of the image.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { releaseFile } from '../../src/agent/overlay/release-file.ts'
import { gate } from '../../src/agent/update/commands.ts'
import { createEngineContext } from '../../src/agent/update/engine-context.ts'
import { markGood } from '../../src/agent/update/mark-good.ts'
import { reportSlots } from '../../src/agent/update/report-slots.ts'
import { verifySlots } from '../../src/agent/update/verify-slots.ts'
import { tryLockFile } from '../../src/linux/file-lock.ts'
import { createFakeNode, makeImage, type FakeNode, type ImageOptions } from './fake-node.ts'
import { refusalOf, requestFor } from './requests.ts'

// Real GRUB on a machine that does other things, too.
setDefaultTimeout(60_000)

let folder = ''
let node: FakeNode
const never = new AbortController().signal

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'person-'))
})
afterEach(() => fs.rm(folder, { recursive: true }))

async function start(files: Record<string, string> = {}): Promise<void> {
  node = await createFakeNode(folder, { files })
  await node.engine.recover()
}

async function stage(options: ImageOptions): Promise<void> {
  const image = await makeImage(folder, options)
  node.serve(image)
  await node.engine.prepare(requestFor(image, options.version), () => {}, never)
}

async function upgrade(options: ImageOptions): Promise<void> {
  await stage(options)
  await node.engine.activate({})
  await node.boot()
  expect(await gate(node.deps, never)).toBe(0)
  await node.restart().recover()
}

async function flipBit(file: string, position: number): Promise<void> {
  const handle = await fs.open(file, 'r+')
  const byte = new Uint8Array(1)
  await handle.read(byte, 0, 1, position)
  await handle.write(new Uint8Array([(byte[0] ?? 0) ^ 1]), 0, 1, position)
  await handle.close()
}

describe('reportSlots()', () => {
  test('reportSlots() tells where each slot is and which one boots next', async () => {
    await start()
    await stage({ version: 'v2' })
    await node.engine.activate({})
    const [a, b] = await reportSlots(createEngineContext(node.deps))
    expect(a).toMatchObject({
      name: 'A',
      booted: true,
      device: node.slotFile('A'),
      sizeBytes: 16 * 1024 * 1024,
      partuuid: '11111111-1111-4111-8111-111111111111',
      version: 'v1',
      isSaved: true,
      isNext: false,
    })
    expect(b).toMatchObject({ name: 'B', state: 'verified', isSaved: false, isNext: true })
  })
})

describe('verifySlots()', () => {
  test('verifySlots() says matches, differs or no record, and changes nothing', async () => {
    await start()
    await stage({ version: 'v2' })
    const context = createEngineContext(node.deps)
    const good = await verifySlots(context, never)
    expect(good.map((each) => each.outcome)).toEqual(['no-record', 'matches'])
    expect(good[1]?.found).toBe(good[1]?.recorded ?? '')
    await flipBit(node.slotFile('B'), 7_000_001)
    const bad = await verifySlots(context, never)
    expect(bad[1]).toMatchObject({ outcome: 'differs', recorded: good[1]?.recorded ?? '' })
    expect(bad[1]?.found).not.toBe(bad[1]?.recorded)
    expect((await node.engine.describe()).slots[1]?.state).toBe('verified')
  })

  test('verifySlots() refuses while another process works on a slot, and can be cancelled', async () => {
    await start()
    await stage({ version: 'v2' })
    const context = createEngineContext(node.deps)
    const held = await tryLockFile(path.join(node.root, 'persist/kubenest/slot.lock'))
    expect((await refusalOf(verifySlots(context, never))).code).toBe('slot-locked')
    await held?.release()
    const stopped = AbortSignal.abort(new Error('stopped'))
    expect(verifySlots(context, stopped)).rejects.toThrow('stopped')
  })
})

describe('markGood()', () => {
  test('markGood() commits an open trial at once and tells that a person did', async () => {
    await start()
    await stage({ version: 'v2' })
    await node.engine.activate({})
    await node.boot()
    const context = createEngineContext(node.deps)
    expect(await markGood(context)).toEqual({ outcome: 'committed', slot: 'B' })
    expect(await markGood(context)).toEqual({ outcome: 'already-good', slot: 'B' })
    const { trial } = await node.restart().describe()
    expect([trial?.verdict, trial?.reasons.join()]).toEqual([
      'Committed',
      'A person marked the slot as good before the health gate had decided',
    ])
    expect((await node.boot()).slot).toBe('B')
  })

  test('markGood() refuses where no trial runs but one is armed', async () => {
    await start()
    await stage({ version: 'v2' })
    await node.engine.activate({})
    const refused = await refusalOf(markGood(createEngineContext(node.deps)))
    expect(refused.code).toBe('trial-open')
  })
})

describe('releaseFile()', () => {
  const upper = (name: string) => path.join(node.root, 'persist/etc', name)
  const degraded = async () =>
    (await node.restart().describe()).degraded
      .filter((each) => each.reason === 'HiddenFile')
      .map((each) => each.message)

  /** v1 in A, v2 in B; the node has versions of its own of three files. */
  async function startWithOverlay(): Promise<void> {
    await start({ 'etc/changed.conf': 'one', 'etc/same.conf': 'same', 'etc/gone.conf': 'one' })
    await fs.mkdir(upper('sub'), { recursive: true })
    await fs.writeFile(upper('changed.conf'), 'mine')
    await fs.writeFile(upper('same.conf'), 'mine')
    await fs.writeFile(upper('own.conf'), 'mine')
    const layer = 'overlay /etc overlay rw,lowerdir=/etc,upperdir=/persist/etc,workdir=/w 0 0\n'
    await fs.appendFile(path.join(node.root, 'proc/mounts'), layer)
    expect(await degraded()).toEqual([])
    await upgrade({
      version: 'v2',
      files: { 'etc/changed.conf': 'two', 'etc/same.conf': 'same', 'etc/gone.conf': 'two' },
    })
  }

  const hash = (text: string) => new Bun.CryptoHasher('sha256').update(text).digest('hex')

  test('describe() tells which file hides a newer one, with both digests and the remedy', async () => {
    await startWithOverlay()
    expect(await degraded()).toEqual([
      `/etc/changed.conf on this node (sha256:${hash('mine')}) hides the newer file of the image (sha256:${hash('two')}); keep it, or release it with: os-agent release-file /etc/changed.conf`,
    ])
  })

  test('describe() still tells it when the slot before is being overwritten', async () => {
    await startWithOverlay()
    expect(await degraded()).toHaveLength(1)
    await stage({ version: 'v3' })
    expect(await degraded()).toHaveLength(1)
  })

  test('describe() tells nothing of it after a rollback to the image that the file was made for', async () => {
    await startWithOverlay()
    expect(await degraded()).toHaveLength(1)
    await node.restart().rollBack({})
    await node.boot()
    expect(await gate(node.deps, never)).toBe(0)
    expect(await degraded()).toEqual([])
  })

  test('releaseFile() takes the file out of the layer and keeps it aside', async () => {
    await startWithOverlay()
    const released = await releaseFile(createEngineContext(node.deps), '/etc/changed.conf')
    expect(released.path).toBe('/etc/changed.conf')
    expect(released.keptAs).toStartWith('/persist/kubenest/released/changed.conf.')
    expect(await fs.readFile(path.join(node.root, released.keptAs), 'utf8')).toBe('mine')
    expect(await fs.readdir(path.join(node.root, 'persist/etc'))).not.toContain('changed.conf')
    expect(await degraded()).toEqual([])
  })

  for (const [why, file, code] of [
    ["nothing of the node's own", '/etc/gone.conf', 'file-not-released'],
    ['what the image does not have', '/etc/own.conf', 'file-not-released'],
    ['a folder', '/etc/sub', 'file-not-released'],
    ['what is outside', '/persist/etc/changed.conf', 'path-not-released'],
    ['a way out', '/etc/../persist/kubenest/journal', 'path-not-released'],
  ] as const)
    test(`releaseFile() refuses ${why} and moves nothing`, async () => {
      await startWithOverlay()
      const refused = await refusalOf(releaseFile(createEngineContext(node.deps), file))
      expect([refused.kind, refused.code]).toEqual(['invalid', code])
      expect(await fs.readFile(upper('changed.conf'), 'utf8')).toBe('mine')
      expect(await fs.readFile(upper('own.conf'), 'utf8')).toBe('mine')
    })

  test('releaseFile() refuses a folder that is a link out of the layer', async () => {
    await startWithOverlay()
    await fs.mkdir(path.join(node.root, 'elsewhere'))
    await fs.writeFile(path.join(node.root, 'elsewhere/f'), 'other')
    await fs.symlink(path.join(node.root, 'elsewhere'), upper('linked'))
    const refused = await refusalOf(releaseFile(createEngineContext(node.deps), '/etc/linked/f'))
    expect(refused.message).toContain('its folder is a link')
    expect(await fs.readFile(path.join(node.root, 'elsewhere/f'), 'utf8')).toBe('other')
  })
})
