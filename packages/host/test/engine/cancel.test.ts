// A preparation that is cancelled at any point: nothing bootable, nothing open, nothing left.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { ProgressUpdate } from '../../src/agent/update/update-engine.ts'
import { createFakeNode, makeImage, type FakeNode } from './fake-node.ts'
import { refusalOf, requestFor } from './requests.ts'

let folder = ''
let node: FakeNode
let image = new Uint8Array(0)

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'cancel-'))
  node = await createFakeNode(folder)
  image = new Uint8Array(await makeImage(folder, { version: 'v2' }))
  node.serve(image)
  await node.engine.recover()
})
afterEach(() => fs.rm(folder, { recursive: true }))

/** Files of this node that this process holds open. */
async function openFiles(): Promise<string[]> {
  const names = await fs.readdir('/proc/self/fd')
  const links = names.map((name) => fs.readlink(`/proc/self/fd/${name}`).catch(() => ''))
  return (await Promise.all(links)).filter((link) => link.startsWith(folder))
}

async function cancelWhen(isMoment: (update: ProgressUpdate) => boolean): Promise<string> {
  const abort = new AbortController()
  const onProgress = (update: ProgressUpdate) => {
    if (isMoment(update)) abort.abort()
  }
  const task = node.engine.prepare(requestFor(image, 'v2'), onProgress, abort.signal)
  return (await refusalOf(task)).code
}

describe('prepare()', () => {
  const moments: [string, (update: ProgressUpdate) => boolean][] = [
    ['before the first byte', ({ phase }) => phase === 'Fetching'],
    ['in the middle', ({ bytesDone }) => bytesDone > 4_000_000],
    ['at the last byte', ({ bytesDone, bytesTotal }) => bytesDone === bytesTotal],
    ['while it verifies', ({ phase }) => phase === 'Verifying'],
  ]
  for (const [when, isMoment] of moments)
    test(`prepare() that is cancelled ${when} leaves nothing`, async () => {
      expect(await cancelWhen(isMoment)).toBe('cancelled')
      expect(await openFiles()).toEqual([])
      const head = (await fs.readFile(node.slotFile('B'))).subarray(0, 65_536)
      expect(head.every((byte) => byte === 0)).toBe(true)
      expect((await refusalOf(node.engine.activate({}))).code).toBe('nothing-prepared')
      expect((await node.boot()).slot).toBe('A')
      await node.engine.prepare(requestFor(image, 'v2'), () => {}, new AbortController().signal)
      expect(await openFiles()).toEqual([])
      expect((await node.engine.describe()).slots[1]?.state).toBe('verified')
    })
})
