// What one seed decides before anything runs: the fleet, the wishes of people and when they change,
// the images and how they behave on each node, and how unkind the world is.
import type { OsSpec } from '@kubenest/api/os/os'
import type { ImageOutcome } from '../fakes/fake-agent.ts'
import { createDice, type Dice } from './dice.ts'
import { planActions, type Action } from './plan-actions.ts'

/** A node of the fleet. */
export interface NodePlan {
  readonly name: string
  readonly pool: string | undefined
  readonly prepareMs: number
  readonly rebootMs: number
  readonly trialMs: number
}

/** A pod with its budget. */
export interface PodPlan {
  readonly name: string
  readonly node: number
  /** `blocked`: its budget allows nothing before the calm. */
  readonly kind: 'plain' | 'budgeted' | 'blocked' | 'unmanaged'
  readonly graceMs: number
}

/** Probabilities and lags of the unkind part of a run. */
export interface Unkindness {
  readonly crashPerWrite: number
  readonly failPerRequest: number
  readonly lagMs: number
  readonly delayMs: number
}

/** Everything a run is made of. */
export interface Scenario {
  readonly seed: number
  readonly nodes: readonly NodePlan[]
  readonly pods: readonly PodPlan[]
  readonly spec: OsSpec
  readonly operators: number
  readonly rights: 'documented' | 'everything' | 'no-claims'
  readonly prunesStatus: boolean
  readonly outcomes: ReadonlyMap<string, ImageOutcome>
  readonly unkindness: Unkindness
  readonly chaosMs: number
  readonly actions: readonly Action[]
  /** The OS object is deleted at the end and everything has to be clean. */
  readonly endsWithDeletion: boolean
}

/** `KubeOS v1` and so on. */
export function versionName(number: number): string {
  return `KubeOS v${number}`
}

/** A digest for each version. */
export function digestOf(version: string): string {
  const digit = (version.at(-1) ?? '0').replace(/\D/, '0')
  return digit.repeat(64)
}

/** How an image behaves on a node. */
export function outcomeKey(node: string, version: string): string {
  return `${node}/${version}`
}

export const VERSIONS_MAX = 5

/** The scenario of a seed. */
export function makeScenario(seed: number): Scenario {
  const dice = createDice(seed)
  const count = dice.chance(0.05) ? dice.between(5, 8) : dice.pick([1, 2, 2, 3, 3, 4])
  const nodes = Array.from({ length: count }, (_, at) => nodePlan(dice, at))
  const isQuiet = dice.chance(0.15)
  const rights = dice.pick(['documented', 'documented', 'everything', 'everything', 'no-claims'])
  const chaosMs = dice.between(40, 240) * 1000
  return {
    seed,
    nodes,
    pods: podPlans(dice, nodes.length),
    spec: firstSpec(dice, nodes.length),
    // Without claims two operators cannot see each other: the documented limits say one.
    operators: rights === 'no-claims' ? 1 : dice.between(1, 2),
    rights,
    prunesStatus: dice.chance(0.3),
    outcomes: outcomesOf(dice, nodes),
    unkindness: isQuiet ? KIND : unkindness(dice),
    chaosMs,
    actions: planActions(dice, { nodes: nodes.length, chaosMs }),
    endsWithDeletion: dice.chance(0.5),
  }
}

const KIND: Unkindness = { crashPerWrite: 0, failPerRequest: 0, lagMs: 0, delayMs: 0 }

function nodePlan(dice: Dice, at: number): NodePlan {
  return {
    name: `n${at}`,
    pool: dice.chance(0.8) ? undefined : 'pool',
    prepareMs: dice.between(1, 20) * 500,
    rebootMs: dice.between(2, 20) * 1000,
    trialMs: dice.between(1, 10) * 1000,
  }
}

function podPlans(dice: Dice, nodes: number): PodPlan[] {
  return Array.from({ length: dice.between(0, nodes + 1) }, (_, at) => ({
    name: `pod${at}`,
    node: dice.between(0, nodes - 1),
    kind: dice.pick(['plain', 'plain', 'plain', 'budgeted', 'budgeted', 'blocked', 'unmanaged']),
    graceMs: dice.between(1, 10) * 500,
  }))
}

function firstSpec(dice: Dice, nodes: number): OsSpec {
  const version = versionName(2)
  const onTimeout = dice.pick(['Stop', 'Stop', 'Skip', 'Force'])
  return {
    opstype: 'upgrade',
    osversion: version,
    maxunavailable: dice.between(1, Math.max(1, Math.ceil(nodes / 2))),
    imagetype: 'disk',
    imageurl: 'https://images.example/os.img',
    checksum: digestOf(version),
    executionmode: dice.chance(0.3) ? 'serial' : 'parallel',
    ...(dice.chance(0.2) ? { timeinterval: dice.between(16, 40) } : {}),
    ...(dice.chance(0.2) ? { evictpodforce: true } : {}),
    ...(dice.chance(0.15)
      ? { timewindow: { starttime: '00:00:30', endtime: `00:0${dice.between(2, 5)}:00` } }
      : {}),
    ...(dice.chance(0.3) ? { nodeselector: dice.pick(['all-label', 'all-label', 'pool']) } : {}),
    rollout: {
      maxFailures: dice.pick([1, 1, 2, 3]),
      drain: { timeoutSeconds: dice.between(5, 90), onTimeout },
      health: { policy: 'Strict', deadlineSeconds: 60 },
    },
  }
}

function outcomesOf(dice: Dice, nodes: readonly NodePlan[]): ReadonlyMap<string, ImageOutcome> {
  const outcomes = new Map<string, ImageOutcome>()
  for (let number = 2; number <= VERSIONS_MAX; number += 1) {
    const isBad = dice.chance(0.3)
    for (const { name } of nodes) {
      const outcome: ImageOutcome = dice.chance(isBad ? 0.6 : 0.05)
        ? dice.pick(['panics', 'unhealthy', 'unhealthy', 'integrity'])
        : dice.pick(['good', 'good', 'good', 'flaky'])
      outcomes.set(outcomeKey(name, versionName(number)), outcome)
    }
  }
  return outcomes
}

function unkindness(dice: Dice): Unkindness {
  return {
    crashPerWrite: dice.pick([0, 0.02, 0.05, 0.15]),
    failPerRequest: dice.pick([0, 0, 0.02, 0.1]),
    lagMs: dice.pick([0, 100, 1000, 5000]),
    delayMs: dice.pick([0, 0, 20, 300]),
  }
}
