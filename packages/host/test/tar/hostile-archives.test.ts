// S-13: hostile archives through the engine. Each is refused with its name and reason, nothing is
// outside the root, nothing is left over, the running slot and the boot menu are as before.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createFakeNode, type FakeNode } from '../engine/fake-node.ts'
import { refusalOf, requestFor } from '../engine/requests.ts'
import { HOSTILE_ARCHIVES } from './hostile-archives.ts'

let folder = ''
let node: FakeNode
let before: string[] = []

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'hostile-'))
  node = await createFakeNode(folder)
  await node.engine.recover()
  before = await everything()
}, 60_000)
afterAll(() => fs.rm(folder, { recursive: true }))

/** Every path of the test's folder and what is in it, but for the journal and slot B. */
async function everything(): Promise<string[]> {
  const names = await fs.readdir(folder, { recursive: true })
  const lines = names.sort().map(async (name) => {
    const file = path.join(folder, name)
    const info = await fs.lstat(file)
    if (/slots\/b\.img|\/grubenv/.test(name) || !info.isFile()) return `${name} ${info.mode}`
    const digest = new Bun.CryptoHasher('sha256').update(await fs.readFile(file))
    return `${name} ${info.mode} ${digest.digest('hex')}`
  })
  return (await Promise.all(lines)).filter((line) => !line.startsWith('system/persist/kubenest'))
}

describe('S-13: the agent refuses', () => {
  test('at least sixty different archives', () => {
    expect(HOSTILE_ARCHIVES.length).toBeGreaterThanOrEqual(60)
    expect(new Set(HOSTILE_ARCHIVES.map(({ what }) => what)).size).toBe(HOSTILE_ARCHIVES.length)
  })

  for (const { what, bytes, code, says } of HOSTILE_ARCHIVES)
    test(
      what,
      async () => {
        node.serve(bytes)
        const task = node.engine.prepare(
          requestFor(bytes, 'v2'),
          () => {},
          new AbortController().signal,
        )
        const refusal = await refusalOf(task)
        expect(refusal).toMatchObject({ code })
        expect(refusal.message).toContain(says)
        expect(refusal.message).toStartWith('Cannot use the image: ')
        expect(refusal.message).toMatch(/^\P{Cc}*$/u)
        expect(await everything()).toEqual(before)
        const head = (await fs.readFile(node.slotFile('B'))).subarray(0, 65_536)
        expect(head.every((byte) => byte === 0)).toBe(true)
        expect(await fs.readFile('/proc/mounts', 'utf8')).not.toContain(folder)
        expect((await refusalOf(node.engine.activate({}))).code).toBe('nothing-prepared')
      },
      30_000,
    )

  test('and then boots the old slot', async () => {
    expect((await node.boot()).slot).toBe('A')
  }, 30_000)
})
