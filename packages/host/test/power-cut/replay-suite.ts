// The power-cut replays as a suite: records the shipped agent in a micro guest once,
// then judges states. The gate runs it with the figures of a pull request, `make prove` with the
// long ones.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { createDiskJudge, type DiskJudge, type DiskRules } from './disk-judge.ts'
import { diskStates } from './disk-states.ts'
import {
  prepareGuest,
  recordRetrofit,
  recordUpgrade,
  type Recording,
} from './guest/record-boots.ts'
import { SETTING_CASES } from './guest/setting-cases.ts'
import { REGIONS } from './guest/node-disk.ts'
import { placeInMemory } from './place-in-memory.ts'
import { retrofitRules, tarRules, upgradeRules } from './replay-rules.ts'

/** How many states are tried. */
export interface ReplayFigures {
  /** an upgrade, from the first byte to the commit. */
  readonly upgrade: number
  /** each of commit, rollback, abort, clean-up, retrofit, first journal. */
  readonly others: number
  /** the selector, half of it while others write to the ESP. Without it no R-03. */
  readonly environment?: number
  /** each settings model. */
  readonly settings: number
  /** Known-bad orders, each. */
  readonly bad: number
  readonly slotMib: number
  readonly limitMs: number
}

const SEED = Number(process.env['KUBENEST_SEED'] ?? 20_240_930)
const LEAST_BAD_SHARE = 0.05
/** R-03 looks at every state quickly, and at each so many-th with fsck, mtools and GRUB. */
const WHOLE_EVERY = 50
/** A menu that is broken lets GRUB wait for a person, which is no news in a known-bad order. */
const BAD_GRUB_LIMIT_MS = 5_000

interface Stage {
  readonly recording: Recording
  readonly judge: DiskJudge
}

/** Declares the tests. */
export function describeReplay(figures: ReplayFigures): void {
  let folder = ''
  let upgrades: readonly Recording[] = []
  const stages = new Map<string, Stage>()

  beforeAll(async () => {
    folder = await fs.mkdtemp(path.join(await placeInMemory(), 'power-cut-'))
    const parts = await prepareGuest(folder, figures.slotMib)
    upgrades = await recordUpgrade(parts)
    for (const recording of [...upgrades, await recordRetrofit(parts)]) {
      const place = path.join(folder, `judge-${recording.name}`)
      const judge = await createDiskJudge(place, recording.base, recording.layout)
      stages.set(recording.name, { recording, judge })
    }
    const { recording } = stageOf('retrofit')
    const place = path.join(folder, 'judge-known-bad')
    const { base, layout } = recording
    const judge = await createDiskJudge(place, base, layout, BAD_GRUB_LIMIT_MS)
    stages.set('known-bad', { recording, judge })
    console.log(`replay: seed ${SEED}, slots of ${figures.slotMib} MiB`)
  }, figures.limitMs)
  afterAll(() => fs.rm(folder, { recursive: true, force: true }))

  function stageOf(name: string): Stage {
    const stage = stages.get(name)
    if (stage === undefined) throw new Error(`There is no recording ${name}`)
    return stage
  }

  async function expectLegal(id: string, name: string, phase: string, count: number) {
    const stage = stageOf(name)
    const tally = await judgeAll(stage, await rulesOf(stage.recording, phase), phase, count)
    report(`${id} ${phase}`, stage, tally)
    // A phase that wrote nothing, or was never marked, proves nothing.
    expect(tally.states).toBeGreaterThanOrEqual(count)
    expect(tally.different).toBeGreaterThan(1)
    expect(tally.bad.slice(0, 5)).toEqual([])
  }

  async function rulesOf(recording: Recording, phase: string): Promise<DiskRules> {
    if (recording.name === 'retrofit') return retrofitRules(recording, phase)
    if (phase === 'tar') return tarRules(upgrades, path.join(folder, 'finished-tree'))
    return upgradeRules(upgrades, phase)
  }

  async function expectBad(id: string, phase: string) {
    const stage = stageOf('known-bad')
    const tally = await judgeAll(stage, retrofitRules(stage.recording, phase), phase, figures.bad)
    report(`${id} ${phase}`, stage, tally)
    expect(tally.bad.length / tally.states).toBeGreaterThanOrEqual(LEAST_BAD_SHARE)
  }

  const legal = (id: string, name: string, phase: string, count: number) =>
    test(
      `os-agent leaves a legal disk at every cut of ${phase}`,
      () => expectLegal(id, name, phase, count),
      figures.limitMs,
    )
  const bad = (id: string, phase: string) =>
    test(
      `createDiskJudge() finds the known-bad order bad: ${phase}`,
      () => expectBad(id, phase),
      figures.limitMs,
    )

  describe('R-01 upgrade', () => {
    legal('R-01', 'upgrade', 'upgrade', figures.upgrade)
    legal('R-01', 'commit', 'trial', figures.others)
    legal('R-01', 'roll-back', 'tar', figures.others)
    bad('R-01', 'bad switch')
  })
  describe('R-02 the other operations', () => {
    legal('R-02', 'upgrade', 'first-journal', figures.others)
    legal('R-02', 'upgrade', 'abort', figures.others)
    legal('R-02', 'upgrade', 'clean-up', figures.others)
    legal('R-02', 'commit', 'commit', figures.others)
    legal('R-02', 'commit', 'rollback', figures.others)
    legal('R-02', 'roll-back', 'rollback-commit', figures.others)
    legal('R-02', 'retrofit', 'retrofit', figures.others)
    bad('R-02', 'bad menu')
  })
  const { environment } = figures
  if (environment !== undefined)
    describe('R-03 boot environment', () => {
      legal('R-03', 'retrofit', 'environment', environment / 2)
      legal('R-03', 'retrofit', 'environment busy', environment / 2)
      bad('R-03', 'bad environment')
    })
  describe('R-04 settings', () => {
    for (const { model, file } of SETTING_CASES)
      if (file !== undefined) legal('R-04', 'roll-back', `settings ${model}`, figures.settings)
    bad('R-04', 'bad settings')
  })
}

interface Tally {
  states: number
  different: number
  readonly bad: string[]
}

async function judgeAll(
  { recording, judge }: Stage,
  rules: DiskRules,
  phase: string,
  count: number,
): Promise<Tally> {
  const tally: Tally = { states: 0, different: 0, bad: [] }
  const seen = new Set<string>()
  for (const state of diskStates(recording, [phase], count, SEED)) {
    tally.states += 1
    seen.add(REGIONS.map((region) => state.key(region)).join())
    const isQuick = phase.startsWith('environment') && tally.states % WHOLE_EVERY !== 0
    const broken = await (isQuick ? judge.judgeSelector(state, rules) : judge.judge(state, rules))
    if (broken.length > 0) tally.bad.push(`seed ${SEED} ${state.name}: ${broken.join(', ')}`)
  }
  tally.different = seen.size
  return tally
}

function report(what: string, { judge }: Stage, tally: Tally): void {
  const { grub, esp, persist } = judge.runs()
  console.log(
    `${what}: ${tally.states} states, ${tally.different} different, ${tally.bad.length} bad` +
      ` (so far ${grub} questions to GRUB, ${esp} ESPs and ${persist} persists through fsck)`,
  )
}
