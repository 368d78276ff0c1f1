// Power cuts, replayed: the shipped engine's writes are recorded once, then every
// prefix, subset and tear that a cut may leave is judged. The known-bad orders must be found bad,
// or the judge proves nothing.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemClock, type Clock } from '@kubenest/base/clock'
import { renderGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { createBootEnvironment } from '../../src/agent/bootloader/boot-environment.ts'
import { gate, trialStart } from '../../src/agent/update/commands.ts'
import { systemRawFiles } from '../../src/linux/raw-file.ts'
import { createFakeNode, makeImage, type FakeNode } from '../engine/fake-node.ts'
import { until } from '../engine/requests.ts'
import { createGrubOracle, type GrubOracle } from '../grub-oracle.ts'
import { judgeState, type JudgeContext } from './judge-state.ts'
import { randomOf, sampleStates } from './sample-states.ts'
import { cutPoints, recordWrites, type Files, type LogEntry } from './write-log.ts'

const SEED = Number(process.env['KUBENEST_SEED'] ?? 20_240_930)
const SLOT_BYTES = 2 * 1024 * 1024
const UPGRADE_STATES = 2_000
const ENVIRONMENT_STATES = 5_000
const LEAST_BAD_SHARE = 0.05
const LIMIT_MS = 180_000

let folder = ''
let oracle: GrubOracle

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'power-cut-'))
  oracle = await createGrubOracle(path.join(folder, 'oracle'))
  console.log(`power-cut seed ${SEED}`)
}, LIMIT_MS)
afterAll(() => fs.rm(folder, { recursive: true }))

/** The digest of the running slot is not put off until a test is in the middle of its record. */
const IMPATIENT: Clock = {
  ...systemClock,
  sleep: (_delayMs, signal) => systemClock.sleep(0, signal),
}

interface Stage {
  readonly node: FakeNode
  readonly log: LogEntry[]
  readonly image: Uint8Array
}

async function createStage(name: string): Promise<Stage> {
  const home = path.join(folder, name)
  await fs.mkdir(home)
  const log: LogEntry[] = []
  const rawFiles = recordWrites(systemRawFiles, log)
  const sizes = { slotBytes: SLOT_BYTES, imageMib: 2 }
  const node = await createFakeNode(home, { rawFiles, oracle, clock: IMPATIENT, ...sizes })
  await node.engine.recover()
  // The first record makes the file; from then on its size never changes.
  await node.engine.allow({ digest: 'none', version: 'none' })
  // Its own journal writes would stand between those that are recorded.
  await until('the digest of slot A', async () => !node.engine.hasBackgroundWork())
  const image = await makeImage(home, { version: 'v2', sizeMib: 2 })
  node.serve(image)
  return { node, log, image }
}

async function snapshot(node: FakeNode): Promise<Files> {
  const { a, b, environment, backup, journal } = pathsOf(node)
  const files = new Map<string, Uint8Array>()
  for (const file of [a, b, environment, backup, journal])
    files.set(file, new Uint8Array(await fs.readFile(file)))
  return files
}

function pathsOf(node: FakeNode): JudgeContext['paths'] {
  return {
    a: node.slotFile('A'),
    b: node.slotFile('B'),
    environment: node.bootFile('grubenv'),
    backup: node.bootFile('grubenv.bak'),
    journal: path.join(node.root, 'persist/kubenest/journal'),
  }
}

async function judgeContext(
  node: FakeNode,
  complete: readonly string[],
  committed: readonly string[],
): Promise<JudgeContext> {
  return {
    oracle,
    menu: new Uint8Array(await fs.readFile(node.bootFile('grub.cfg'))),
    paths: pathsOf(node),
    complete: new Set(complete),
    committed: new Set(committed),
  }
}

async function prepare(stage: Stage): Promise<void> {
  const request = {
    version: 'v2',
    check_sum: await digestOf(stage.image),
    image_type: 'disk',
    container_image: '',
    image_url: 'http://x/y',
    flag_safe: true,
    mtls: false,
    certs: { ca_cert: '', client_cert: '', client_key: '' },
  }
  await stage.node.engine.prepare(request, () => {}, new AbortController().signal)
}

async function digestOf(content: Uint8Array | string): Promise<string> {
  const bytes = typeof content === 'string' ? await fs.readFile(content) : content
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
}

interface Tally {
  states: number
  bad: string[]
}

async function judgeAll(
  context: JudgeContext,
  base: Files,
  log: readonly LogEntry[],
  count: number,
  fromPosition = 0,
): Promise<Tally> {
  const tally: Tally = { states: 0, bad: [] }
  for (const state of sampleStates(base, log, count, SEED, fromPosition)) {
    tally.states += 1
    const broken = await judgeState(context, state.files)
    if (broken.length > 0) tally.bad.push(`seed ${SEED} ${state.name}: ${broken.join(', ')}`)
  }
  return tally
}

describe('R-01 upgrade', () => {
  test(
    'engine leaves a complete slot selected at every cut of prepare, arming, trial and commit',
    async () => {
      const stage = await createStage('upgrade')
      const { node, log } = stage
      const base = await snapshot(node)
      const old = await digestOf(node.slotFile('A'))
      log.length = 0
      await prepare(stage)
      await node.engine.activate({})
      const written = [...log]
      const fresh = await digestOf(node.slotFile('B'))
      expect(written.filter((entry) => entry.file === node.slotFile('A'))).toEqual([])

      const beforeBoot = await judgeContext(node, [old, fresh], ['A'])
      const first = await judgeAll(beforeBoot, base, written, UPGRADE_STATES - 200)
      expect(first.bad.slice(0, 5)).toEqual([])

      expect((await node.boot()).slot).toBe('B')
      const trialBase = await snapshot(node)
      log.length = 0
      expect(await trialStart(node.deps)).toBe(0)
      expect(await gate(node.deps, new AbortController().signal)).toBe(0)
      // Once the gate has passed B counts as committed: the write of saved_entry is the commit
      // itself.
      const inTrial = await judgeContext(node, [old, fresh], ['A', 'B'])
      const second = await judgeAll(inTrial, trialBase, log, 200)
      expect(second.bad.slice(0, 5)).toEqual([])
      expect(first.states + second.states).toBeGreaterThanOrEqual(UPGRADE_STATES)
      console.log(`R-01: ${first.states + second.states} states, 0 bad`)
    },
    LIMIT_MS,
  )

  test(
    'judgeState() finds the known-bad order bad: copy without flush, then switch',
    async () => {
      const stage = await createStage('bad-upgrade')
      const { node, log, image } = stage
      const base = await snapshot(node)
      const old = await digestOf(node.slotFile('A'))
      log.length = 0
      const rawFiles = recordWrites(systemRawFiles, log)
      const slot = await rawFiles.open(node.slotFile('B'), { access: 'write' })
      for (let at = 0; at < image.length; at += 131_072)
        await slot.write(image.slice(at, at + 131_072), at)
      await slot.close()
      const folderOfBoot = path.dirname(node.bootFile('x'))
      await createBootEnvironment(folderOfBoot, rawFiles).change({ saved_entry: 'B' })
      const complete = [old, await digestOf(node.slotFile('B'))]
      const context = await judgeContext(node, complete, ['A', 'B'])
      // Cuts before the switch are harmless in any order; the content stays unflushed for long
      // after it.
      const tally = await judgeAll(context, base, log, 300, log.length)
      console.log(`R-01 known bad: ${tally.bad.length} of ${tally.states}`)
      expect(tally.bad.length / tally.states).toBeGreaterThanOrEqual(LEAST_BAD_SHARE)
    },
    LIMIT_MS,
  )
})

describe('R-03 boot environment', () => {
  test(
    'createBootEnvironment() leaves a valid environment at every cut',
    async () => {
      const { node, log } = await createStage('environment')
      const random = randomOf(SEED)
      const rawFiles = recordWrites(systemRawFiles, log)
      const environment = createBootEnvironment(path.dirname(node.bootFile('x')), rawFiles)
      const base = await snapshot(node)
      await fs.writeFile(node.slotFile('B'), await fs.readFile(node.slotFile('A')))
      const both = new Map(base).set(
        node.slotFile('B'),
        base.get(node.slotFile('A')) ?? new Uint8Array(),
      )
      const context = await judgeContext(node, [await digestOf(node.slotFile('A'))], ['A', 'B'])
      let states = 0
      let round = both as Files
      while (states < ENVIRONMENT_STATES) {
        log.length = 0
        for (let step = 0; step < 20; step += 1) {
          await environment.change({
            saved_entry: random() < 0.5 ? 'A' : 'B',
            next_entry: random() < 0.5 ? undefined : random() < 0.5 ? 'A' : 'B',
          })
          if (random() < 0.5) await environment.backUp()
        }
        // I6: never both blocks in one flush epoch.
        for (const point of cutPoints(round, log))
          expect(new Set(point.pending.map((entry) => entry.file)).size).toBeLessThanOrEqual(1)
        const tally = await judgeAll(context, round, log, 0)
        expect(tally.bad.slice(0, 5)).toEqual([])
        states += tally.states
        round = new Map(await snapshot(node))
      }
      console.log(
        `R-03: ${states} states, ${oracle.runs()} different questions to GRUB so far, 0 bad`,
      )
    },
    LIMIT_MS,
  )

  test(
    'judgeState() finds the known-bad writer bad: truncate, then write',
    async () => {
      const { node } = await createStage('bad-environment')
      const base = await snapshot(node)
      const file = node.bootFile('grubenv')
      const data = renderGrubEnvironment(new Map([['saved_entry', 'A']]))
      const log: LogEntry[] = [
        { kind: 'truncate', file, sizeBytes: 0 },
        { kind: 'write', file, offset: 0, data },
        { kind: 'sync', file },
      ]
      const context = await judgeContext(node, [await digestOf(node.slotFile('A'))], ['A'])
      const tally = await judgeAll(context, base, log, 0)
      console.log(`R-03 known bad: ${tally.bad.length} of ${tally.states}`)
      expect(tally.bad.length / tally.states).toBeGreaterThanOrEqual(LEAST_BAD_SHARE)
    },
    LIMIT_MS,
  )
})
