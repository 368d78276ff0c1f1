// R-11 without a machine: every way a trial may end, in both layouts, with our boot menu and with
// the documented one of a node that others built. The real GRUB decides each boot; what a kernel or
// a watchdog would do is a boot that follows.
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { deadline, gate, trialStart } from '../../src/agent/update/commands.ts'
import { FOREIGN_MENU } from '../foreign-menu.ts'
import { createGrubOracle, type Firmware, type GrubOracle } from '../grub-oracle.ts'
import { createFakeNode, makeImage, type FakeNode } from './fake-node.ts'
import { requestFor } from './requests.ts'

// Real GRUB and real disks, on a machine that does other things, too.
setDefaultTimeout(60_000)

const never = new AbortController().signal
let shared = ''
let oracle: GrubOracle
let image: Uint8Array
let folder = ''
let node: FakeNode

beforeAll(async () => {
  shared = await fs.mkdtemp(path.join(os.tmpdir(), 'trial-outcomes-'))
  oracle = await createGrubOracle(path.join(shared, 'oracle'))
  image = await makeImage(shared, { version: 'v2' })
})
afterAll(() => fs.rm(shared, { recursive: true }))
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'trial-outcome-'))
})
afterEach(() => fs.rm(folder, { recursive: true }))

interface Outcome {
  readonly name: string
  /** What happens from the armed boot on, up to the boot that counts. */
  readonly happens: () => Promise<void>
  readonly slot: 'A' | 'B'
  readonly verdict: string
  readonly reason: string
}

/** The next boot must be the trial, and say so to the kernel. */
async function bootTrial(): Promise<void> {
  const answer = await node.boot()
  expect([answer.slot, answer.kernelArguments.includes('kubenest.trial=1')]).toEqual(['B', true])
  expect(answer.kernelArguments.at(-1)).toBe('panic=3')
}

const inRoot = (name: string) => path.join(node.root, name)

const OUTCOMES: readonly Outcome[] = [
  {
    name: 'good',
    happens: async () => {
      await bootTrial()
      expect(await trialStart(node.deps)).toBe(0)
      expect(await gate(node.deps, never)).toBe(0)
    },
    slot: 'B',
    verdict: 'Committed',
    reason: '',
  },
  {
    name: 'kernel missing',
    happens: async () => {
      const blank = await fs.open(node.slotFile('B'), 'r+')
      await blank.write(new Uint8Array(65_536), 0, 65_536, 0)
      await blank.close()
    },
    slot: 'A',
    verdict: 'TrialNotReached',
    reason: 'did not reach user space',
  },
  {
    name: 'panic before userland',
    happens: bootTrial,
    slot: 'A',
    verdict: 'TrialNotReached',
    reason: 'did not reach user space',
  },
  {
    name: 'hang ended by the watchdog',
    happens: async () => {
      await bootTrial()
      expect(await trialStart(node.deps)).toBe(0)
    },
    slot: 'A',
    verdict: 'TrialInterrupted',
    reason: 'was cut off before its health was decided',
  },
  {
    name: 'unhealthy',
    happens: async () => {
      await bootTrial()
      await fs.writeFile(inRoot('proc/mounts'), '')
      expect(await gate(node.deps, never)).toBe(75)
      expect(node.rebootsAsked()).toBe(1)
    },
    slot: 'A',
    verdict: 'TrialUnhealthy',
    reason: '/persist is not mounted',
  },
  {
    name: 'deadline',
    happens: async () => {
      await bootTrial()
      expect(await trialStart(node.deps)).toBe(0)
      await fs.writeFile(inRoot('proc/uptime'), '911.00 1.00\n')
      await deadline(node.deps)
      expect(node.rebootsAsked()).toBe(1)
    },
    slot: 'A',
    verdict: 'TrialUnhealthy',
    reason: 'was not decided within 900 s',
  },
  {
    name: 'reset by a person while the gate looks',
    happens: async () => {
      await bootTrial()
      await fs.writeFile(inRoot('proc/mounts'), '')
      const stop = new AbortController()
      const clock = {
        ...node.deps.clock,
        sleep: async () => {
          stop.abort()
          throw new Error('reset')
        },
      }
      expect(await gate({ ...node.deps, clock }, stop.signal)).toBe(143)
    },
    slot: 'A',
    verdict: 'TrialInterrupted',
    reason: 'was cut off before its health was decided',
  },
]

async function arm(firmware: Firmware, menu: string | undefined): Promise<void> {
  node = await createFakeNode(folder, {
    oracle,
    firmware,
    ...(menu === undefined ? {} : { menu }),
  })
  await node.engine.recover()
  expect((await node.engine.describe()).degraded).toEqual([])
  node.serve(image)
  await node.engine.prepare(requestFor(image, 'v2'), () => {}, never)
  await node.engine.activate({})
}

const msdosMenu = FOREIGN_MENU.replaceAll('gpt', 'msdos')
const NODES = [
  ['uefi', 'our menu', undefined],
  ['uefi', 'the documented menu', FOREIGN_MENU],
  ['legacy', 'our menu', undefined],
  ['legacy', 'the documented menu', msdosMenu],
] as const

for (const [firmware, whose, menu] of NODES)
  describe(`trial on ${firmware} with ${whose}`, () => {
    for (const outcome of OUTCOMES)
      test(`trial that is ${outcome.name} ends in slot ${outcome.slot} with ${outcome.verdict}`, async () => {
        await arm(firmware, menu)
        await outcome.happens()
        const after = await node.boot()
        expect(after.slot).toBe(outcome.slot)
        expect(after.kernelArguments).not.toContain('kubenest.trial=1')
        const engine = node.restart()
        await engine.recover()
        const { trial, slots } = await engine.describe()
        expect(trial?.verdict).toBe(outcome.verdict as 'Committed')
        expect(trial?.reasons.join('; ') ?? '').toContain(outcome.reason)
        const isGood = outcome.slot === 'B'
        expect(slots.map(({ state }) => state)).toEqual(['committed', isGood ? 'committed' : 'bad'])
        // Whatever happened: one more boot needs nobody either, and nothing is armed.
        expect((await node.boot()).slot).toBe(outcome.slot)
      })
  })
