// What is refused before the standby slot is touched: until then its content is a way back.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { OsError } from '@kubenest/base/errors'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import { createImageSource } from '../../src/agent/sources/select-source.ts'
import { createUpdateEngine } from '../../src/agent/update/engine.ts'
import type { RawFiles } from '../../src/linux/raw-file.ts'
import { faultOf } from '../agent/fault-of.ts'
import { createFakeNode, makeImage, writeRoot, type FakeNode } from './fake-node.ts'
import { requestFor } from './requests.ts'

// Machines under load are slow; a hang still ends.
setDefaultTimeout(120_000)

const GOOD = { version: 'v2' } as const
const never = new AbortController().signal

let folder = ''
let node: FakeNode

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'untouched-slot-'))
  node = await createFakeNode(folder)
  await node.engine.recover()
  const image = await makeImage(folder, GOOD)
  await prepare(image)
})
afterEach(() => fs.rm(folder, { recursive: true }))

async function prepare(
  bytes: Uint8Array,
  over: { version?: string; check_sum?: string } = {},
  engine = node.engine,
): Promise<string[]> {
  node.serve(bytes)
  const request = { ...requestFor(bytes, GOOD.version), ...over }
  const told: string[] = []
  const tell = (phase: string, isMoving: boolean) => told.push(isMoving ? `${phase} bytes` : phase)
  await engine.prepare(request, ({ phase, bytesDone }) => tell(phase, bytesDone > 0), never)
  return told.filter((each, at) => each !== told[at - 1])
}

async function tarOfRoot(version: string): Promise<Uint8Array> {
  const root = path.join(folder, 'tree')
  await writeRoot(root, { version })
  const file = `${root}.tar`
  await runOrThrow(systemExec, 'pack', { argv: ['tar', '-cf', file, '-C', root, '.'] })
  return new Uint8Array(await fs.readFile(file))
}

/** The fault of a preparation that has to leave slot B and the persist partition as they are. */
async function faultOfUntouched(task: () => Promise<unknown>): Promise<unknown> {
  const before = await fs.readFile(node.slotFile('B'))
  const fault = await faultOf(task())
  expect(Buffer.compare(await fs.readFile(node.slotFile('B')), before)).toBe(0)
  const slot = (await node.engine.describe()).slots[1]
  expect(slot).toMatchObject({ state: 'verified', version: GOOD.version })
  expect(await fs.readdir(path.join(node.root, 'persist'))).toEqual(['kubenest'])
  return fault
}

describe('prepare() leaves the standby slot alone', () => {
  test('when a tar is cut short, or is not the promised one', async () => {
    const tar = await tarOfRoot('v3')
    const cut = () => prepare(tar.subarray(0, 100_000), { version: 'v3' })
    expect(await faultOfUntouched(cut)).toMatchObject({ code: 'image-damaged' })
    const other = () => prepare(tar, { version: 'v3', check_sum: 'ab'.repeat(32) })
    expect(await faultOfUntouched(other)).toMatchObject({ code: 'image-digest-mismatch' })
  })

  test('while a tar comes, and says so', async () => {
    expect(await prepare(await tarOfRoot('v3'), { version: 'v3' })).toEqual([
      'Fetching',
      'Fetching bytes',
      'Writing',
      'Verifying',
    ])
    const raw = await prepare(await makeImage(folder, { version: 'v4' }), { version: 'v4' })
    expect(raw.slice(-2)).toEqual(['Writing bytes', 'Verifying'])
  })

  test('when the server sends something else than an image', async () => {
    const page = () => prepare(new TextEncoder().encode('<html>'.repeat(1000)), { version: 'v3' })
    expect(await faultOfUntouched(page)).toMatchObject({ code: 'image-format-unknown' })
  })

  test('when the journal cannot be written any more, and removes the copy of the tar', async () => {
    const tar = await tarOfRoot('v3')
    let isFull = false
    const rawFiles: RawFiles = {
      async open(file, options) {
        isFull ||= file.endsWith('/os.tar')
        if (isFull && file.endsWith('/kubenest/journal') && options.access === 'write')
          throw new OsError('host', { code: 'disk-full', message: 'no space' })
        return await node.deps.rawFiles.open(file, options)
      },
    }
    const engine = createUpdateEngine({ ...node.deps, rawFiles })
    const task = () => prepare(tar, { version: 'v3' }, engine)
    expect(await faultOfUntouched(task)).toMatchObject({ code: 'disk-full' })
    expect(isFull).toBe(true)
  })

  test.each(['', 'ab', `${'ab'.repeat(32)}0`, 'g'.repeat(64)])(
    'when checksum is %j, and asks for nothing',
    async (check_sum) => {
      const image = await makeImage(folder, { version: 'v3' })
      const task = () => prepare(image, { version: 'v3', check_sum })
      expect(await faultOfUntouched(task)).toMatchObject({
        kind: 'invalid',
        code: 'checksum-malformed',
      })
    },
  )

  test.each(['', 'a\nb', 'a\u001b[31m', 'a\u202eb', 'x'.repeat(257)])(
    'when osversion is %j, and asks for nothing',
    async (version) => {
      const task = async () => prepare(await makeImage(folder, { version: 'v3' }), { version })
      expect(await faultOfUntouched(task)).toMatchObject({
        kind: 'invalid',
        code: 'osversion-malformed',
      })
    },
  )
})

test('recover() removes the copy of a download that was cut', async () => {
  await leaveInWork('os.tar')
  await node.restart().recover()
  expect(await fs.readdir(path.join(node.root, 'persist'))).toEqual(['kubenest'])
})

test('discard() asks no engine when only a download was cut', async () => {
  await leaveInWork('os.tar')
  const asked: unknown[] = []
  const run = async (request: unknown) => {
    asked.push(request)
    throw new Error('asked')
  }
  await createImageSource({ ...node.deps, exec: { run } }).discard?.()
  expect(asked).toEqual([])
})

test('recover() takes a container that is left for gone when its engine is', async () => {
  await leaveInWork('os.tar')
  await leaveInWork('kubeos-temp')
  const exec = { run: () => systemExec.run({ argv: ['/not/installed'] }) }
  const source = createImageSource({ ...node.deps, exec })
  await createUpdateEngine({ ...node.deps, source }).recover()
  expect(await fs.readdir(path.join(node.root, 'persist'))).toEqual(['kubenest'])
})

async function leaveInWork(name: string): Promise<void> {
  const work = path.join(node.root, 'persist/KubeOS-Update')
  await fs.mkdir(work, { mode: 0o700, recursive: true })
  await fs.writeFile(path.join(work, name), 'half')
}
