// An agent that is killed at random moments of a preparation, and the next one that finds what it
// left (R-05, R-06 in small). The seed is printed; KILL_SEED repeats a run.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import { createFakeNode, makeImage, writeRoot, type FakeNode } from './fake-node.ts'
import { canMount } from './can-mount.ts'
import { refusalOf, requestFor, until } from './requests.ts'

const ROUNDS = 10
// About ten seconds on a quiet machine.
const LIMIT_MS = 120_000
const seed = Number(process.env['KILL_SEED'] ?? Date.now() % 1_000_000)
const never = new AbortController().signal
let folder = ''
let node: FakeNode

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'kill-'))
  node = await createFakeNode(folder)
})
afterEach(() => fs.rm(folder, { recursive: true }))

/** Numbers from 0 to 1 that the seed decides. */
function createRandom(start: number): () => number {
  let state = start
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

/** Runs a preparation in a process group of its own, as a unit's cgroup; kills all of it. */
async function runAndKill(image: string, killAfterMs: number | undefined): Promise<number> {
  const script = path.join(import.meta.dir, 'prepare-once.ts')
  const own = ['unshare', '--pid', '--fork', '--kill-child=SIGKILL', process.execPath, script]
  const child = Bun.spawn([...own, node.root, image, 'v2'], { stdout: 'pipe', stderr: 'inherit' })
  let startedMs = 0
  let timer: Timer | undefined
  for await (const chunk of child.stdout) {
    if (startedMs > 0 || !new TextDecoder().decode(chunk).includes('ready')) continue
    startedMs = performance.now()
    if (killAfterMs !== undefined) timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  }
  await child.exited
  const tookMs = performance.now() - startedMs
  clearTimeout(timer)
  // As systemd does: the next agent starts when every process of the last one is gone.
  await until('the end of its programs', async () => !(await isAnyoneAtWork()))
  return tookMs
}

/** Does a process of this machine work on our node? */
async function isAnyoneAtWork(): Promise<boolean> {
  const ids = (await fs.readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(
    ids.map((id) => fs.readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')),
  )
  return lines.some((line) => line.includes(node.root)) || (await isLoopBeingReleased())
}

/**
 * A mount of which a dying process holds the last bit still writes. A partition refuses to be
 * opened then; a file, as slots are here, does not.
 */
async function isLoopBeingReleased(): Promise<boolean> {
  if ((await fs.readFile('/proc/mounts', 'utf8')).includes(node.root)) return false
  const loops = await systemExec.run({ argv: ['losetup', '-j', node.slotFile('B')] })
  return loops.stdout !== ''
}

async function expectLegal(): Promise<'verified' | 'nothing'> {
  const engine = node.restart()
  await engine.recover()
  const status = await engine.describe()
  expect(status.degraded).toEqual([])
  const slot = status.slots[1]
  const bytes = await fs.readFile(node.slotFile('B'))
  if (slot?.state !== 'verified') {
    expect(bytes.subarray(0, 65_536).every((byte) => byte === 0)).toBe(true)
    expect(['empty', 'unrecorded', 'writing']).toContain(slot?.state ?? '')
    expect((await refusalOf(engine.activate({}))).code).toBe('nothing-prepared')
  }
  const left = await fs.readdir(path.join(node.root, 'persist'))
  expect(left.filter((name) => name !== 'kubenest')).toEqual([])
  const ours = await fs.readdir(path.join(node.root, 'persist/kubenest')).catch(() => [])
  expect(ours.filter((name) => !/^(?:journal|journal\.lock|slot\.lock)$/.test(name))).toEqual([])
  expect(await fs.readFile('/proc/mounts', 'utf8')).not.toContain(node.root)
  // The kernel lets go of a loop device some time after its last user.
  await until('the release of the loop device', async () => {
    const loops = await systemExec.run({ argv: ['losetup', '-j', node.slotFile('B')] })
    return loops.stdout === ''
  })
  expect((await node.boot()).slot).toBe('A')
  return slot?.state === 'verified' ? 'verified' : 'nothing'
}

async function killManyTimes(image: string): Promise<void> {
  const random = createRandom(seed)
  const wholeMs = await runAndKill(image, undefined)
  expect(await expectLegal()).toBe('verified')
  const seen = new Set<string>()
  for (let round = 0; round < ROUNDS; round += 1) {
    // Another image, so that the slot is written again.
    const atMs = random() * wholeMs
    await fs.appendFile(image, new Uint8Array(4096))
    await runAndKill(image, atMs)
    try {
      seen.add(await expectLegal())
    } catch (cause) {
      throw new Error(`seed ${seed}, round ${round}, killed after ${atMs.toFixed(1)} ms`, { cause })
    }
  }
  expect(seen).toContain('nothing')
  const bytes = new Uint8Array(await fs.readFile(image))
  node.serve(bytes)
  const engine = node.restart()
  await engine.prepare(requestFor(bytes, 'v2'), () => {}, never)
  await engine.activate({})
  expect((await node.boot()).slot).toBe('B')
}

describe('an agent that is killed', () => {
  console.log(`seed ${seed}`)

  test(
    'the next agent finds a legal state after a kill in a raw image',
    async () => {
      const image = path.join(folder, 'v2.img')
      await fs.writeFile(image, await makeImage(folder, { version: 'v2', sizeMib: 12 }))
      await killManyTimes(image)
    },
    LIMIT_MS,
  )

  test.skipIf(!canMount)(
    'the next agent finds a legal state after a kill in a tar',
    async () => {
      const tree = path.join(folder, 'tree')
      await writeRoot(tree, { version: 'v2' })
      for (let index = 0; index < 300; index += 1)
        await fs.writeFile(path.join(tree, `etc/file-${index}`), crypto.randomUUID().repeat(100))
      const tar = path.join(folder, 'v2.tar')
      await runOrThrow(systemExec, 'pack', { argv: ['tar', '-cf', tar, '-C', tree, '.'] })
      await killManyTimes(tar)
    },
    LIMIT_MS,
  )

  test('a second agent does not write beside the first', async () => {
    const bytes = await makeImage(folder, { version: 'v2' })
    const entered = Promise.withResolvers<void>()
    node.serve(bytes)
    const request = requestFor(bytes, 'v2')
    const hold = () => entered.resolve()
    const first = node.engine.prepare(request, hold, never)
    await entered.promise
    const error = await refusalOf(node.restart().prepare(request, () => {}, never))
    expect([error.kind, error.code]).toEqual(['blocked', 'slot-locked'])
    await first
    await node.engine.activate({})
    expect((await node.boot()).slot).toBe('B')
  })
})
