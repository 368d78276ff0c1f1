// What goes wrong with a disk in one run, all of it drawn from a seed.
import { randomOf } from '../sample-states.ts'

export const REQUEST_KINDS = ['read', 'write', 'flush'] as const
export type RequestKind = (typeof REQUEST_KINDS)[number]

export interface FaultPlan {
  readonly seed: number
  /** Share of the requests of the chosen kinds that fail. */
  readonly rate: number
  readonly kinds: ReadonlySet<RequestKind>
  /** Share of all requests that wait. */
  readonly delayRate: number
  /** Instead of a rate: this flush fails, counted from 1, and nothing else does. */
  readonly failingFlush?: number
}

const RATE_LEAST = 0.001
const RATE_MOST = 0.05
/** Nothing fails and nothing waits. */
export const NO_FAULTS: FaultPlan = { seed: 0, rate: 0, kinds: new Set(), delayRate: 0 }

/** Rates from 0.1 to 5 %, and at least one kind of request. */
export function faultPlan(seed: number): FaultPlan {
  const random = randomOf(seed)
  const rate = () => RATE_LEAST + random() * (RATE_MOST - RATE_LEAST)
  const kinds = 1 + Math.floor(random() * (2 ** REQUEST_KINDS.length - 1))
  return {
    seed,
    rate: rate(),
    kinds: new Set(REQUEST_KINDS.filter((_, index) => ((kinds >> index) & 1) === 1)),
    delayRate: rate(),
  }
}

/** The worst that the figure asks for. */
export function worstPlan(seed: number): FaultPlan {
  return { seed, rate: RATE_MOST, kinds: new Set(REQUEST_KINDS), delayRate: RATE_MOST }
}

/** Exactly one flush fails. */
export function oneFlushPlan(seed: number, failingFlush: number): FaultPlan {
  return { ...NO_FAULTS, seed, failingFlush }
}

/** One line for a report. */
export function describePlan({ seed, rate, kinds, failingFlush }: FaultPlan): string {
  if (failingFlush !== undefined) return `seed ${seed}, flush ${failingFlush}`
  return `seed ${seed}, ${(rate * 100).toFixed(1)} % of ${[...kinds].join(', ')}`
}
