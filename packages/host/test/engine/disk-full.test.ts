// A persist partition without room: told with figures, nothing left behind, nothing armed.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import { canMount } from './can-mount.ts'
import { createFakeNode, makeImage, writeRoot, type FakeNode } from './fake-node.ts'
import { refusalOf, requestFor } from './requests.ts'

let folder = ''
let persist = ''
let node: FakeNode
const never = new AbortController().signal

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'disk-full-'))
  node = await createFakeNode(folder)
  persist = path.join(node.root, 'persist')
  await runOrThrow(systemExec, 'mount a small persist', {
    argv: ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', persist],
  })
})
afterEach(async () => {
  await runOrThrow(systemExec, 'unmount persist', { argv: ['umount', persist] })
  await fs.rm(folder, { recursive: true })
})

async function fill(leaveBytes: number): Promise<void> {
  const { bavail, bsize } = await fs.statfs(persist)
  await fs.writeFile(path.join(persist, 'others'), new Uint8Array(bavail * bsize - leaveBytes))
}

async function tarOfRoot(): Promise<Uint8Array> {
  const tree = path.join(folder, 'tree')
  await writeRoot(tree, { version: 'v2' })
  const tar = path.join(folder, 'v2.tar')
  await runOrThrow(systemExec, 'pack', { argv: ['tar', '-cf', tar, '-C', tree, '.'] })
  return new Uint8Array(await fs.readFile(tar))
}

async function prepare(image: Uint8Array): Promise<void> {
  node.serve(image)
  await node.engine.prepare(requestFor(image, 'v2'), () => {}, never)
}

describe.skipIf(!canMount)('a full persist partition', () => {
  test('a tar is refused with the bytes that it needs and that there are', async () => {
    await node.engine.recover()
    const tar = await tarOfRoot()
    const error = await refusalOf(prepare(tar))
    expect([error.kind, error.code]).toEqual(['host', 'disk-full'])
    expect(error.fields['needed']).toBe(tar.length + 10 * 1024 * 1024)
    expect(error.message).toMatch(/needs \d+ bytes and \d+ are free; free some/)
    expect(await fs.readdir(persist)).toEqual(['kubenest'])
    expect((await refusalOf(node.engine.activate({}))).code).toBe('nothing-prepared')
    expect((await node.boot()).slot).toBe('A')
  })

  test('a raw image needs no room beside the journal', async () => {
    await node.engine.recover()
    await prepare(await makeImage(folder, { version: 'v2' }))
    await node.engine.activate({})
    expect((await node.boot()).slot).toBe('B')
  })

  test('nothing is written to the slot when the journal cannot be', async () => {
    const before = await fs.readFile(node.slotFile('B'))
    await fill(4096)
    const image = await makeImage(folder, { version: 'v2' })
    const error = await refusalOf(prepare(image))
    expect([error.kind, error.code]).toEqual(['host', 'disk-full'])
    expect(error.message).toContain('no space is left')
    expect((await fs.readFile(node.slotFile('B'))).equals(before)).toBe(true)
    expect((await node.boot()).slot).toBe('A')
  })

  test('the journal that exists is changed although nothing is free', async () => {
    await node.engine.recover()
    await node.engine.allow({ digest: 'd'.repeat(64), version: 'v1' })
    await fs.writeFile(path.join(persist, 'kubenest/slot.lock'), '')
    await fill(0)
    await prepare(await makeImage(folder, { version: 'v2' }))
    expect((await node.engine.describe()).slots[1]?.state).toBe('verified')
  })
})
