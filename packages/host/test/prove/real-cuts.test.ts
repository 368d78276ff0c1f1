// on the micro guest: real cuts of a running node at random moments (reliability
// 5.3, ADR 0100). KUBENEST_CUTS sets how many.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { goOn, type Journey } from '../power-cut/go-on.ts'
import {
  makeFreshDisk,
  prepareGuest,
  SLOT_A_ARGUMENTS,
  type GuestParts,
} from '../power-cut/guest/record-boots.ts'
import { placeInMemory } from '../power-cut/place-in-memory.ts'
import {
  cutOnce,
  keepCut,
  keyOf,
  makeStage,
  makeUpgradeStages,
  type CutDisks,
  type CutStage,
} from '../power-cut/real-cuts.ts'
import { randomOf } from '../power-cut/sample-states.ts'

const CUTS = Number(process.env['KUBENEST_CUTS'] ?? 50)
const SEED = Number(process.env['KUBENEST_SEED'] ?? 20_240_930)
/** Made from the record of each cut; the disk as QEMU left it is one more. */
const STATES_PER_CUT = 20
const BAD_CUTS = 10
const LEAST_BAD_SHARE = 0.05
const SLOT_MIB = 8
const LIMIT_MS = 7_200_000

let folder = ''
let parts: GuestParts

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(await placeInMemory(), 'real-cuts-'))
  parts = await prepareGuest(folder, SLOT_MIB)
}, LIMIT_MS)
afterAll(() => fs.rm(folder, { recursive: true, force: true }))

test(
  'createDiskJudge() finds real cuts of the known-bad order bad',
  async () => {
    const disk = path.join(folder, 'careless.img')
    await makeFreshDisk(parts, disk, { B: parts.v1 })
    const stage = await makeStage(parts, disk, {
      scenario: 'cut-careless',
      phase: 'bad switch',
      kernelArguments: SLOT_A_ARGUMENTS,
    })
    const tally = newTally()
    for (let count = 0; count < BAD_CUTS; count += 1) {
      const cut = await cutOnce(parts, stage, randomOf(SEED + count), STATES_PER_CUT)
      add(tally, cut)
      tally.bad.push(...cut.bad)
    }
    report('R-10 known-bad', tally)
    expect(tally.bad.length / tally.states).toBeGreaterThanOrEqual(LEAST_BAD_SHARE)
  },
  LIMIT_MS,
)

test(
  'os-agent goes on by itself after every real cut of an upgrade and of its trial',
  async () => {
    const stages = await makeUpgradeStages(parts)
    const tally = newTally()
    for (let seed = SEED; seed < SEED + CUTS; seed += 1) {
      const random = randomOf(seed)
      const cut = await cutOnce(parts, chooseStage(stages, random()), random, STATES_PER_CUT)
      const state = cut.states[Math.floor(random() * cut.states.length)]
      if (state === undefined) throw new Error('A cut leaves something')
      const journey = await goOn(parts, cut.stage, state)
      add(tally, cut)
      const bad = await keepBad(seed, cut, journey)
      console.log(`R-10 seed ${seed}: ${state.name}: ${journey.steps.join(', ')}`, ...bad)
      tally.bad.push(...bad)
    }
    report('R-10', tally)
    expect(tally.bad).toEqual([])
    // Guests that had all ended before the cut prove nothing.
    expect(tally.whileRunning).toBeGreaterThan(0)
  },
  LIMIT_MS,
)

interface Tally {
  cuts: number
  whileRunning: number
  holes: number
  states: number
  readonly phases: Map<string, number>
  readonly different: Set<string>
  readonly bad: string[]
}

function newTally(): Tally {
  const counts = { cuts: 0, whileRunning: 0, holes: 0, states: 0 }
  return { ...counts, phases: new Map(), different: new Set(), bad: [] }
}

function add(tally: Tally, cut: CutDisks): void {
  tally.cuts += 1
  tally.whileRunning += cut.wasRunning ? 1 : 0
  tally.holes += cut.holes
  tally.states += cut.states.length
  tally.phases.set(cut.phase, (tally.phases.get(cut.phase) ?? 0) + 1)
  for (const state of cut.states) tally.different.add(keyOf(cut, state))
}

function report(what: string, tally: Tally): void {
  const phases = [...tally.phases].map(([phase, count]) => `${phase} ${count}`).join(', ')
  console.log(
    `${what}: seed ${SEED}, ${tally.cuts} cuts (${phases}; ${tally.whileRunning} while it ran,` +
      ` ${tally.holes} made again), ${tally.states} disks, ${tally.different.size} different,` +
      ` ${tally.bad.length} bad`,
  )
}

/** In proportion to the time that each takes. */
function chooseStage(stages: readonly CutStage[], share: number): CutStage {
  let at = share * stages.reduce((sum, { durationMs }) => sum + durationMs, 0)
  for (const stage of stages) {
    if (at < stage.durationMs) return stage
    at -= stage.durationMs
  }
  throw new Error('A share is below one')
}

async function keepBad(seed: number, cut: CutDisks, journey: Journey): Promise<string[]> {
  const bad = [...cut.bad, ...journey.bad]
  if (bad.length === 0) return []
  const kept = path.join(os.tmpdir(), 'kubenest-real-cuts', String(seed))
  await keepCut(cut, kept)
  return bad.map((each) => `seed ${seed}, kept in ${kept}: ${each}`)
}
