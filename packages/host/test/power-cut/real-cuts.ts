// One real cut after another: a guest in the middle of an upgrade or of its trial is killed,
// and every disk that it may leave is judged.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { bootDisk } from '../grub-oracle.ts'
import { createDiskJudge, type DiskJudge } from './disk-judge.ts'
import { lastPhase, statesAfterCut, stateOfEnd, type DiskState } from './disk-states.ts'
import { HoleInRecord, parseBlockLog, type BlockEntry } from './guest/block-log.ts'
import { cutGuest, type CutOutcome } from './guest/cut-guest.ts'
import { layoutOf, REGIONS } from './guest/node-disk.ts'
import {
  bootOf,
  makeFreshDisk,
  SLOT_A_ARGUMENTS,
  type GuestParts,
  type Recording,
} from './guest/record-boots.ts'
import { runGuest } from './guest/run-guest.ts'
import { cutRules } from './replay-rules.ts'

/** A boot that can be cut, and how long it takes when it is not. */
export interface CutStage {
  readonly scenario: string
  /** From where on cuts happen. */
  readonly phase: string
  readonly base: Uint8Array
  readonly kernelArguments: readonly string[]
  readonly durationMs: number
  readonly judge: DiskJudge
}

/** The disks that one cut may have left. */
export interface CutDisks {
  readonly stage: CutStage
  readonly phase: string
  /** False for a cut after the guest's end. */
  readonly wasRunning: boolean
  /** How often the kill had kept a request from the record, and the cut was made again. */
  readonly holes: number
  /** The record of requests as QEMU left it. */
  readonly log: Uint8Array
  /** The disk as QEMU left it. */
  readonly end: Uint8Array
  readonly states: readonly DiskState[]
  /** Sentences about what is broken. */
  readonly bad: readonly string[]
}

type StageOptions = Pick<CutStage, 'scenario' | 'phase' | 'kernelArguments'>

/** Lets the scenario run to its end once; the disk is what it left. */
export async function makeStage(
  parts: GuestParts,
  disk: string,
  options: StageOptions,
): Promise<CutStage> {
  const stage = { ...options, base: new Uint8Array(await fs.readFile(disk)) }
  const { sinceMs, recording } = await recordCut(parts, disk, stage, Infinity)
  if (recording === undefined || !isWhole(recording))
    throw new Error(`The record of ${stage.scenario} does not make the disk that it left`)
  const place = path.join(parts.folder, `judge-${stage.scenario}`)
  const judge = await createDiskJudge(place, stage.base, recording.layout)
  return { ...stage, durationMs: sinceMs, judge }
}

/** Do all requests together make the disk? If not, the states are not those of a cut. */
function isWhole(recording: Recording): boolean {
  const [, all] = statesAfterCut(recording, 2, 0)
  const end = stateOfEnd(recording)
  return REGIONS.every((region) => all?.key(region) === end.key(region))
}

/** An upgrade of a node with v1 in both slots, and the trial that follows it. */
export async function makeUpgradeStages(parts: GuestParts): Promise<readonly CutStage[]> {
  const disk = path.join(parts.folder, 'stages.img')
  await makeFreshDisk(parts, disk, { B: parts.v1 })
  await runGuest(bootOf(parts, disk, 'first-boot', SLOT_A_ARGUMENTS))
  const upgrade = { scenario: 'cut-upgrade', phase: 'upgrade', kernelArguments: SLOT_A_ARGUMENTS }
  const first = await makeStage(parts, disk, upgrade)
  const { slot, kernelArguments, screen } = await bootDisk(`${disk}.grub`, disk)
  if (slot !== 'B') throw new Error(`GRUB boots ${slot} after an upgrade: ${screen}`)
  const trial = { scenario: 'cut-trial', phase: 'trial', kernelArguments }
  return [first, await makeStage(parts, disk, trial)]
}

/** Cuts once at a random moment and judges what may be left. */
export async function cutOnce(
  parts: GuestParts,
  stage: CutStage,
  random: () => number,
  stateCount: number,
): Promise<CutDisks> {
  const disk = path.join(parts.folder, 'cut.img')
  for (let holes = 0; ; holes += 1) {
    await fs.writeFile(disk, stage.base)
    const cut = await recordCut(parts, disk, stage, random() * stage.durationMs)
    const { recording, wasRunning, log } = cut
    if (recording === undefined) continue
    const states = [
      ...statesAfterCut(recording, stateCount, Math.floor(random() * 2 ** 31)),
      stateOfEnd(recording),
    ]
    const phase = lastPhase(recording)
    const bad = await judgeAll(parts, stage, phase, states)
    return { stage, phase, wasRunning, holes, log, end: recording.end, states, bad }
  }
}

interface RecordedCut extends CutOutcome {
  readonly log: Uint8Array
  /** Without one the kill has kept a request from the record. */
  readonly recording: Recording | undefined
}

async function recordCut(
  parts: GuestParts,
  disk: string,
  stage: StageOptions & Pick<CutStage, 'base'>,
  afterMs: number,
): Promise<RecordedCut> {
  const { scenario: name, phase, kernelArguments, base } = stage
  const boot = bootOf(parts, disk, name, kernelArguments)
  const outcome = await cutGuest(boot, { phase, afterMs })
  const log = new Uint8Array(await fs.readFile(boot.log))
  const end = new Uint8Array(await fs.readFile(disk))
  const entries = entriesIn(log)
  if (entries === undefined) return { ...outcome, log, recording: undefined }
  const layout = layoutOf(parts.slotMib)
  return { ...outcome, log, recording: { name, layout, base, entries, end, versions: new Map() } }
}

function entriesIn(log: Uint8Array): readonly BlockEntry[] | undefined {
  try {
    return parseBlockLog(log, true)
  } catch (error) {
    if (error instanceof HoleInRecord) return undefined
    throw error
  }
}

async function judgeAll(
  parts: GuestParts,
  { judge }: CutStage,
  phase: string,
  states: readonly DiskState[],
): Promise<string[]> {
  const rules = cutRules(parts, phase)
  const bad: string[] = []
  for (const state of states) {
    const broken = await judge.judge(state, rules)
    if (broken.length > 0) bad.push(`${state.name}: ${broken.join(', ')}`)
  }
  return bad
}

/** What tells two disks of any cuts apart. */
export function keyOf({ stage }: CutDisks, state: DiskState): string {
  return [stage.scenario, ...REGIONS.map((region) => state.key(region))].join()
}

/** Keeps what a bad cut left: no seed makes the same moment again. */
export async function keepCut({ stage, log, end }: CutDisks, folder: string): Promise<void> {
  await fs.mkdir(folder, { recursive: true })
  await fs.writeFile(path.join(folder, 'base.img'), stage.base)
  await fs.writeFile(path.join(folder, 'log'), log)
  await fs.writeFile(path.join(folder, 'end.img'), end)
}
