// every durable call of every operation fails once: no space, quota, medium, read-only, no
// memory. The operation ends, or gets over it; an error names what it is about; nothing is armed
// and no state is advanced after a failure; when the fault is gone the same call comes to its end.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { parseGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { canMount } from '../engine/can-mount.ts'
import { createFaultScene, type FaultScene } from './fault-scene.ts'
import { findLeftovers, journalOf, judgeDisks, judgeSettings } from './judge-node.ts'
import { isLongForm } from './long-form.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import { chooseShots, shoot, siteOf, spread, type ShotEnd } from './shoot.ts'
import { READING_CALLS } from './system-calls.ts'

const LIMIT_MS = isLongForm ? 3_600_000 : 600_000
/** Reads that fail, of each operation. */
const READS = 8
const OF_EACH_KIND = isLongForm ? 20 : 1
const ERRORS = { EIO: 5, ENOMEM: 12, ENOSPC: 28, EROFS: 30, EDQUOT: 122 } as const
type ErrorName = keyof typeof ERRORS
const NAMES = Object.keys(ERRORS) as ErrorName[]
/** Units whose errors go to the log; what they return is only an exit code. */
const UNITS = new Set(['commit', 'deadline'])

let folder = ''
let scenes: { readonly raw: FaultScene; readonly tar: FaultScene }
let shots = 0
let refusals = 0

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'errors-at-calls-'))
  scenes = {
    raw: await createFaultScene(path.join(folder, 'raw'), { slot: 2, image: 2 }),
    tar: await createFaultScene(path.join(folder, 'tar'), { slot: 8, image: 2 }),
  }
})
afterAll(async () => {
  console.log(`R-07: ${shots} shots, ${refusals} refusals`)
  await fs.rm(folder, { recursive: true })
})

/** A disk that refuses to be read says so in one way only. */
function errorsFor(call: string, turn: number): readonly ErrorName[] {
  if (READING_CALLS.some(({ name }) => name === call)) return ['EIO']
  return isLongForm ? NAMES : [NAMES[turn % NAMES.length] ?? 'EIO']
}

async function judgeAfterError(
  scene: FaultScene,
  scenario: Scenario,
  end: ShotEnd,
  error: ErrorName,
): Promise<void> {
  expect(end.stderr).toBe('')
  expect(end.outcome).toBeDefined()
  if (end.outcome !== undefined && end.outcome !== 'done') {
    refusals += 1
    if (!UNITS.has(scenario.step)) expectTelling(end.outcome, error)
    await expectNotAdvanced(scene, scenario)
  }
  expect([...(await judgeDisks(scene)), ...(await judgeSettings(scene.node))]).toEqual([])
  // What was done needs no second time, and is not what `again` begins with.
  if (end.outcome !== 'done') await scenario.again(scene)
  expect(await findLeftovers(scene.node)).toEqual([])
  expect([...(await judgeDisks(scene)), ...(await judgeSettings(scene.node))]).toEqual([])
}

/** The device or file, and for a full one that something must be freed. */
function expectTelling(
  { kind, code, message }: Exclude<ShotEnd['outcome'], string | undefined>,
  error: ErrorName,
): void {
  expect([kind, message]).not.toEqual(['bug', message])
  expect(message).toMatch(/\/[\w.-]+|the slot|the image/)
  if (code === 'disk-full') expect(message).toContain('free')
  if (code === 'disk-full') expect(['ENOSPC', 'EDQUOT']).toContain(error)
}

async function expectNotAdvanced({ node }: FaultScene, scenario: Scenario): Promise<void> {
  const state = await journalOf(node)
  if (scenario.step === 'prepare') expect(state?.phase).not.toBe('SlotVerified')
  if (scenario.step !== 'upgrade' && scenario.step !== 'rollback') return
  const environment = parseGrubEnvironment(
    new Uint8Array(await fs.readFile(node.bootFile('grubenv'))),
  )
  expect(environment.get('next_entry')).toBeUndefined()
}

async function shootAll(scene: FaultScene, scenario: Scenario, isReading: boolean): Promise<void> {
  const whole = await shoot(scene, scenario, () => 'pass', isReading)
  expect(whole.outcome).toBe('done')
  const isRead = (at: number) => READING_CALLS.some(({ name }) => name === whole.calls[at]?.name)
  const reads = whole.calls.map((_, index) => index).filter(isRead)
  const chosen = isReading
    ? spread(reads, isLongForm ? 1_000 : READS)
    : chooseShots(whole.calls, OF_EACH_KIND)
  for (const [turn, at] of chosen.entries())
    for (const error of errorsFor(whole.calls[at]?.name ?? '', turn)) {
      const decide = (_: unknown, index: number) => (index === at ? ERRORS[error] : 'pass')
      const end = await shoot(scene, scenario, decide, isReading)
      shots += 1
      try {
        await judgeAfterError(scene, scenario, end, error)
      } catch (cause) {
        const site = end.calls[at] === undefined ? 'no call' : siteOf(end.calls[at])
        const where = `${scenario.name}, call ${at}, ${site}, ${error}`
        const outcome = JSON.stringify(end.outcome)
        throw new Error(`${where}, ${outcome}: ${String(cause)}`, { cause })
      }
    }
}

describe('R-07: a durable call that fails', () => {
  for (const scenario of SCENARIOS)
    test.skipIf(scenario.image === 'tar' && !canMount)(
      `is told and got over: ${scenario.name}`,
      () => shootAll(scenes[scenario.image ?? 'raw'], scenario, false),
      LIMIT_MS,
    )

  for (const name of ['prepare raw', 'upgrade'])
    test(
      `is told and got over when it only reads: ${name}`,
      async () => {
        const scenario = SCENARIOS.find((each) => each.name === name)
        if (scenario === undefined) throw new Error(`no scenario ${name}`)
        await shootAll(scenes.raw, scenario, true)
      },
      LIMIT_MS,
    )
})
