// R-08, run by run: a guest upgrades while requests of its disk fail, errors end, the power goes,
// the disk is judged; where nothing was armed, the next boot must come to its end by itself.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { createDiskJudge, type DiskJudge } from '../disk-judge.ts'
import { layoutOf, type Layout } from '../guest/node-disk.ts'
import {
  makeFreshDisk,
  prepareGuest,
  SLOT_A_ARGUMENTS,
  type GuestParts,
} from '../guest/record-boots.ts'
import { lookAtTree } from '../tree-look.ts'
import {
  bootFaulty,
  followOrder,
  keepMoment,
  nextBoot,
  type BootEnd,
  type Moment,
} from './boot-faulty.ts'
import { NO_FAULTS, type FaultPlan } from './fault-plan.ts'
import type { DiskEvent } from './faulty-disk.ts'
import { judgeErrors, stateOfDisk, type CompleteSlots, type Verdict } from './judge-errors.ts'

const SLOT_MIB = 8
const SCENARIOS = ['errors-raw', 'errors-raw-calm', 'errors-tar', 'errors-tar-calm'] as const

export type ErrorScenario = (typeof SCENARIOS)[number] | 'errors-careless'

/** What all runs share. */
export interface ErrorStage {
  readonly parts: GuestParts
  readonly layout: Layout
  /** A node that has had its first agent waits for what comes. */
  readonly moment: Moment
  readonly judge: DiskJudge
  readonly complete: CompleteSlots
}

export interface RunEnd extends Verdict {
  readonly events: readonly DiskEvent[]
  readonly flushes: number
  /** A second boot was needed, and came to its end. */
  readonly isRepeated: boolean
}

/** A scenario for a seed: images and ends in turn. */
export function scenarioOf(seed: number): ErrorScenario {
  return SCENARIOS[seed % SCENARIOS.length] ?? SCENARIOS[0]
}

/** Builds the guest, and learns from two upgrades without an error what a complete slot is. */
export async function prepareErrors(folder: string): Promise<ErrorStage> {
  const parts = await prepareGuest(folder, SLOT_MIB)
  const layout = layoutOf(SLOT_MIB)
  const disk = path.join(folder, 'fresh.img')
  await makeFreshDisk(parts, disk)
  const settled = await bootFaulty(parts, {
    medium: new Uint8Array(await fs.readFile(disk)),
    plan: NO_FAULTS,
    scenario: 'settle',
    kernelArguments: SLOT_A_ARGUMENTS,
  })
  const { medium: base } = await nextBoot(folder, layout, settled.medium)
  const moment = await keepMoment(parts, base)
  const finished = async (order: ErrorScenario) => {
    const { medium } = await followOrder(parts, moment, order, NO_FAULTS)
    return stateOfDisk(order, medium, layout)
  }
  const [raw, tar] = [await finished('errors-raw'), await finished('errors-tar')]
  const look = await lookAtTree(path.join(folder, 'tree'), tar.bytes('B'))
  if (typeof look === 'string') throw new Error(`The finished slot of the tar has: ${look}`)
  const start = stateOfDisk('base', base, layout)
  const contents = [start.bytes('A'), raw.bytes('B'), parts.v2]
  const complete = { slots: new Set(contents.map(sha256)), tree: look.digest }
  const judge = await createDiskJudge(path.join(folder, 'judge'), base, layout)
  return { parts, layout, moment, judge, complete }
}

/** One run. */
export async function runErrors(
  stage: ErrorStage,
  scenario: ErrorScenario,
  plan: FaultPlan,
  repeats: 'always' | 'when-prepared' = 'always',
): Promise<RunEnd> {
  const first = await followOrder(stage.parts, stage.moment, scenario, plan)
  const verdict = await judgeEnd(stage, `seed ${plan.seed}`, first)
  const end = { ...verdict, events: first.events, flushes: first.flushes, isRepeated: false }
  const isOver = verdict.broken.length > 0 || verdict.isArmed || scenario === 'errors-careless'
  if (isOver || (repeats === 'when-prepared' && !isPrepared(first.events))) return end
  const second = await repeat(stage, scenario, first.medium)
  return { ...end, broken: second, isRepeated: true }
}

function isPrepared(events: readonly DiskEvent[]): boolean {
  return events.some((event) => event.kind === 'mark' && event.text === 'prepare_upgrade ok')
}

/** The next boot finds no person: what was refused must go through. */
async function repeat(
  stage: ErrorStage,
  scenario: ErrorScenario,
  medium: Uint8Array,
): Promise<readonly string[]> {
  const next = await nextBoot(stage.parts.folder, stage.layout, medium)
  if (next.slot !== 'A') return [`A4: slot ${next.slot} boots, which was not armed`]
  const again = scenario.startsWith('errors-tar') ? 'again-tar' : 'again-raw'
  const second = await bootFaulty(stage.parts, {
    medium: next.medium,
    plan: NO_FAULTS,
    scenario: again,
    kernelArguments: next.kernelArguments,
  })
  const { broken, isArmed, isComplete, refusals } = await judgeEnd(stage, again, second)
  const isDone = isArmed && isComplete
  return [
    ...broken,
    ...(isDone ? [] : [`A4: the repeat after the errors armed nothing: ${refusals.join('; ')}`]),
  ]
}

async function judgeEnd(stage: ErrorStage, name: string, end: BootEnd): Promise<Verdict> {
  const { judge, layout, complete, parts } = stage
  const state = stateOfDisk(name, end.medium, layout)
  return judgeErrors(judge, state, end.events, complete, path.join(parts.folder, 'tree'))
}

function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
}
