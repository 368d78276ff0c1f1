// Which nodes get a claim now, parallel or serial (contract 2.3), and which nodes carry the serial
// label. Candidates are taken by need: ready nodes first, then by name; never by chance. Pure.
import type { NodeStanding } from './classify-node.ts'
import type { OsFacts } from './facts.ts'

/** `timeinterval` up to this cannot be told from "absent" and means no pause (decision 1). */
export const INTERVAL_WITHOUT_PAUSE_SECONDS = 15

/** What starts, and what becomes of the serial labels. */
export interface Starts {
  start: NodeStanding[]
  serialAdd: string[]
  serialRemove: string[]
  /** A serial batch is open after this plan. */
  batchOpen: boolean
  /** A serial batch ends with this plan. */
  batchEnded: boolean
  /** Set when only the pause between batches is in the way. */
  pausedUntilMs?: number
}

/** What the choice depends on. */
export interface StartInput {
  os: OsFacts
  standings: readonly NodeStanding[]
  busyCount: number
  limit: number
  batchOpen: boolean
  nowMs: number
}

/**
 * End of the pause between batches; `undefined` when there is none. A clock that was set back
 * cannot prolong it.
 */
export function pauseEndMs(os: OsFacts, nowMs: number): number | undefined {
  if (os.intervalSeconds <= INTERVAL_WITHOUT_PAUSE_SECONDS || os.lastBatchMs === undefined)
    return undefined
  const endMs = Math.min(os.lastBatchMs, nowMs) + os.intervalSeconds * 1000
  return endMs > nowMs ? endMs : undefined
}

/** Chooses in the mode that the OS object asks for. */
export function planStarts(input: StartInput): Starts {
  return input.os.mode === 'serial' ? serial(input) : parallel(input)
}

function candidatesOf(standings: readonly NodeStanding[]): NodeStanding[] {
  const wanted = standings.filter(({ kind }) => kind === 'candidate')
  return [
    ...wanted.filter(({ node }) => node.isReady),
    ...wanted.filter(({ node }) => !node.isReady),
  ]
}

function parallel(input: StartInput): Starts {
  const leftovers = input.standings.filter(({ node }) => node.isSerial).map(({ node }) => node.name)
  const rest = { serialAdd: [], serialRemove: leftovers, batchOpen: false, batchEnded: false }
  const free = Math.max(0, input.limit - input.busyCount)
  const start = candidatesOf(input.standings).slice(0, free)
  const pausedUntilMs = pauseEndMs(input.os, input.nowMs)
  if (start.length > 0 && pausedUntilMs !== undefined) return { ...rest, start: [], pausedUntilMs }
  return { ...rest, start }
}

function serial(input: StartInput): Starts {
  return input.batchOpen ? openBatch(input) : newBatch(input)
}

/**
 * The batch is what carries the label; it is filled up to the limit, worked off one by one, and
 * ends whole.
 */
function openBatch(input: StartInput): Starts {
  const labelled = input.standings.filter(({ node }) => node.isSerial)
  const unlabelled = input.standings.filter(({ node }) => !node.isSerial)
  const isLeft = labelled.some(({ kind }) => kind === 'candidate')
  if (!isLeft && input.busyCount === 0) {
    const serialRemove = labelled.map(({ node }) => node.name)
    return { start: [], serialAdd: [], serialRemove, batchOpen: false, batchEnded: true }
  }
  const places = Math.max(0, input.limit - labelled.length)
  const joining = [
    ...unlabelled.filter(({ kind }) => kind === 'updating'),
    ...candidatesOf(unlabelled),
  ].slice(0, places)
  const members = candidatesOf(labelled)
  return {
    start: input.busyCount === 0 ? members.slice(0, 1) : [],
    serialAdd: joining.map(({ node }) => node.name),
    serialRemove: [],
    batchOpen: true,
    batchEnded: false,
  }
}

/** Labels found without an open batch are leftovers: they neither count nor cause a pause. */
function newBatch(input: StartInput): Starts {
  const pausedUntilMs = pauseEndMs(input.os, input.nowMs)
  const candidates = input.busyCount === 0 ? candidatesOf(input.standings) : []
  const batch = pausedUntilMs === undefined ? candidates.slice(0, input.limit) : []
  const names = new Set(batch.map(({ node }) => node.name))
  const labelled = input.standings.filter(({ node }) => node.isSerial).map(({ node }) => node.name)
  return {
    start: batch.slice(0, 1),
    serialAdd: [...names].filter((name) => !labelled.includes(name)),
    serialRemove: labelled.filter((name) => !names.has(name)),
    batchOpen: batch.length > 0,
    batchEnded: false,
    ...(pausedUntilMs !== undefined && candidates.length > 0 ? { pausedUntilMs } : {}),
  }
}
