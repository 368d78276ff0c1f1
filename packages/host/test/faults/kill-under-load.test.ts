// the serving agent is killed at random moments while a proxy keeps asking it for the same
// upgrade. After each kill what boots is complete; never do two processes write the slot; a call
// that is repeated costs at most one more download per kill; in the end the upgrade comes about.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { prepareRequest } from '../agent/fake-engine.ts'
import { ask } from '../agent/raw-client.ts'
import { requestFor, until } from '../engine/requests.ts'
import { createFaultScene, type FaultScene } from './fault-scene.ts'
import { randomOf } from '../power-cut/sample-states.ts'
import { findLeftovers, journalOf, judgeDisks } from './judge-node.ts'
import { isLongForm, SEED } from './long-form.ts'
import { OPERATION } from './steps.ts'

const KILLS = isLongForm ? 2000 : 200
const LIMIT_MS = isLongForm ? 7_200_000 : 600_000
/** From the start of the program to the end of a preparation, and a little more. */
const LIFE_MS_MAX = 900
/** Kills before the next image is asked for, though this one may not be there yet. */
const KILLS_PER_IMAGE = 5

let folder = ''
let scene: FaultScene
let socketPath = ''
let notes = ''

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'kill-under-load-'))
  scene = await createFaultScene(folder, { slot: 2, image: 2 })
  await scene.begin('fresh')
  socketPath = path.join(folder, 'run', 's')
  notes = path.join(folder, 'downloads')
  await fs.writeFile(notes, '')
})
afterAll(() => fs.rm(folder, { recursive: true }))

/** The agent in a process group of its own, as a unit's cgroup. */
function startAgent() {
  const own = ['unshare', '--pid', '--fork', '--kill-child=SIGKILL', process.execPath]
  const script = path.join(import.meta.dir, 'served-node.ts')
  const words = [scene.node.root, socketPath, scene.raw.file, notes]
  return Bun.spawn([...own, script, ...words], { stdout: 'ignore', stderr: 'inherit' })
}

/** Another image for each round: the same root with a few bytes behind it. */
async function changeImage(round: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(scene.raw.bytes)
  // The last byte of the file system belongs to no file.
  bytes[bytes.length - 1] = round % 256
  bytes[bytes.length - 2] = round >> 8
  await fs.writeFile(scene.raw.file, bytes)
  return bytes
}

/** Asks for the upgrade until it is ready or the caller is stopped, as the proxy does. */
async function callUntilReady(bytes: Uint8Array, isStopped: () => boolean): Promise<boolean> {
  const asked = requestFor(bytes, 'v2')
  const request = prepareRequest(1, 'v2', { ...asked, operation_id: asked.check_sum.slice(0, 32) })
  while (!isStopped()) {
    const answer = await ask(socketPath, request).catch(() => undefined)
    if (JSON.stringify(answer ?? '').includes('UpgradeReady')) return true
    await Bun.sleep(10)
  }
  return false
}

/** Processes that have slot B open for writing. */
async function writersOfSlot(): Promise<number> {
  const slot = scene.node.slotFile('B')
  let writers = 0
  for (const id of (await fs.readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const links = await fs.readdir(`/proc/${id}/fd`).catch(() => [])
    const isOpen = async (fd: string) => {
      if ((await fs.readlink(`/proc/${id}/fd/${fd}`).catch(() => '')) !== slot) return false
      const info = await fs.readFile(`/proc/${id}/fdinfo/${fd}`, 'utf8').catch(() => '')
      return /^flags:\s*\d*[12]$/m.test(info)
    }
    if ((await Promise.all(links.map(isOpen))).includes(true)) writers += 1
  }
  return writers
}

async function expectLegal(): Promise<void> {
  expect(await writersOfSlot()).toBe(0)
  expect(await judgeDisks(scene)).toEqual([])
  expect((await journalOf(scene.node))?.phase).toMatch(/^(?:Idle|Fetching|Writing|SlotVerified)$/)
}

describe('R-06: an agent under load', () => {
  test(
    `killed ${KILLS} times with seed ${SEED} writes alone, repeats little, and comes to its end`,
    async () => {
      const random = randomOf(SEED)
      const kills = new Map<string, number>()
      let bytes = await changeImage(0)
      let [ready, writing] = [0, 0]
      for (let round = 0; round < KILLS; round += 1) {
        const { check_sum } = requestFor(bytes, 'v2')
        kills.set(check_sum, (kills.get(check_sum) ?? 0) + 1)
        const life = await liveAndDie(bytes, random() * LIFE_MS_MAX)
        writing += life.writers
        if (life.isReady) ready += 1
        if (life.isReady || round % KILLS_PER_IMAGE === KILLS_PER_IMAGE - 1)
          bytes = await changeImage(round + 1)
      }
      await expectDownloadsBounded(kills)
      await expectTheEnd(bytes)
      console.log(`R-06: ${KILLS} kills, ${writing} in a write, ${ready} images ready before`)
      expect(Math.min(writing, ready)).toBeGreaterThan(KILLS / 50)
    },
    LIMIT_MS,
  )
})

/** One life of the agent, with two callers that ask for the same. */
async function liveAndDie(bytes: Uint8Array, lifeMs: number) {
  const agent = startAgent()
  let isStopped = false
  const callers = [1, 2].map(() => callUntilReady(bytes, () => isStopped))
  await Bun.sleep(lifeMs)
  const writers = await writersOfSlot()
  agent.kill('SIGKILL')
  await agent.exited
  isStopped = true
  const isReady = (await Promise.all(callers)).some(Boolean)
  await until('the end of its programs', async () => (await writersOfSlot()) === 0)
  try {
    expect(writers).toBeLessThanOrEqual(1)
    await expectLegal()
    if (isReady) expect((await journalOf(scene.node))?.phase).toBe('SlotVerified')
  } catch (cause) {
    throw new Error(`seed ${SEED}, killed after ${lifeMs} ms: ${String(cause)}`, { cause })
  }
  return { writers, isReady }
}

/** Two callers ask at the same time, and again after each kill: one download per life. */
async function expectDownloadsBounded(killsOf: ReadonlyMap<string, number>): Promise<void> {
  const started = (await fs.readFile(notes, 'utf8')).split('\n')
  for (const [digest, kills] of killsOf)
    expect(started.filter((each) => each === digest).length).toBeLessThanOrEqual(kills)
}

/** Left alone, the agent that comes next does what was asked. */
async function expectTheEnd(bytes: Uint8Array): Promise<void> {
  const agent = startAgent()
  try {
    const deadlineMs = Date.now() + 30_000
    expect(await callUntilReady(bytes, () => Date.now() > deadlineMs)).toBe(true)
  } finally {
    agent.kill('SIGKILL')
    await agent.exited
  }
  const engine = scene.node.restart()
  await engine.recover()
  await until('the end of the background work', async () => !engine.hasBackgroundWork())
  expect((await engine.describe()).degraded).toEqual([])
  expect(await findLeftovers(scene.node)).toEqual([])
  await engine.activate(OPERATION)
  expect((await scene.node.boot()).slot).toBe('B')
  expect(await judgeDisks(scene)).toEqual([])
}
