// Which states of a record are looked at: small flush epochs completely, large ones by random
// subsets, some of them torn at one place. Driven by a seed, so that a bad state can be made again.
import {
  cutPoints,
  sectorsOf,
  stateOf,
  type CutPoint,
  type Files,
  type LogEntry,
} from './write-log.ts'

/** Up to this many sectors, every subset is looked at. */
const ENUMERATED_SECTORS_MAX = 6
const CHANCES = [0.1, 0.5, 0.9] as const

export interface SampledState {
  readonly files: Files
  /** Enough to make the state again from the record. */
  readonly name: string
}

/**
 * At least `count` states, when there is anything undecided at all; every cut point from a position
 * on at least once.
 */
export function* sampleStates(
  base: Files,
  log: readonly LogEntry[],
  count: number,
  seed: number,
  fromPosition = 0,
): Generator<SampledState> {
  const points = [...cutPoints(base, log)].filter((point) => point.position >= fromPosition)
  const large = points.filter((point) => sectorsOf(point) > ENUMERATED_SECTORS_MAX)
  let made = 0
  for (const point of points) {
    if (sectorsOf(point) > ENUMERATED_SECTORS_MAX) continue
    for (const state of enumerated(point)) {
      made += 1
      yield state
    }
  }
  const random = randomOf(seed)
  for (let round = 0; made < count && large.length > 0; round += 1)
    for (const point of large) {
      made += 1
      yield sampled(point, round, random)
    }
}

function* enumerated(point: CutPoint): Generator<SampledState> {
  for (let subset = 0; subset < 2 ** sectorsOf(point); subset += 1)
    yield {
      files: stateOf(point, (sector) => ((subset >> sector) & 1) === 1),
      name: `cut ${point.position} subset ${subset}`,
    }
}

function sampled(point: CutPoint, round: number, random: () => number): SampledState {
  const sectors = sectorsOf(point)
  const tear = Math.floor(random() * (sectors + 1))
  const chance = CHANCES[round % CHANCES.length] ?? 0.5
  // Every fourth state is the prefix that a medium without reordering leaves.
  const isPrefix = round % 4 === 3
  return {
    files: stateOf(point, (sector) => (isPrefix ? sector < tear : random() < chance)),
    name: `cut ${point.position} round ${round} ${isPrefix ? `torn at ${tear}` : `chance ${chance}`}`,
  }
}

/** A small seeded generator (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
