// A disk in memory with a volatile cache, whose requests fail by a plan while the guest asks for it
// with a mark. A failed write leaves none, some or all of its sectors. A failed flush loses some of
// what it was to bring out, and a later one that succeeds does not bring that back: it may still be
// read, and is gone with the power. That is why nobody may repeat a flush and trust it.
import { MARK_BYTES_MAX, MARK_SECTOR, MARK_WORD } from '../guest/block-log.ts'
import { SECTOR_BYTES } from '../guest/node-disk.ts'
import { randomOf } from '../sample-states.ts'
import type { FaultPlan, RequestKind } from './fault-plan.ts'

/** Marks of the guest that switch the faults. */
export const MARKS = {
  ready: 'ready',
  begin: 'errors begin',
  end: 'errors end',
  cut: 'cut',
} as const
/** Before what the guest reads in the place of its marks: what it is to do. */
export const ORDER_WORD = 'KUBENEST-ORDER '
/** The room before the first partition that the driver's marks are written to. */
const MARK_AREA = { start: MARK_SECTOR * SECTOR_BYTES, size: MARK_BYTES_MAX } as const
const DELAY_MS_MOST = 300
/** Of the sectors that a failed flush was to bring out. */
const LOST_SHARE = 0.5
/** Of the sectors that were not flushed when the power goes. */
const SURVIVING_SHARE = 0.5
/**
 * Chance decides about two sectors at a time: the superblock of ext4 is two under one checksum, and
 * its tear is a weakness of its own (docs/en/reliability.md, Limits).
 */
const PIECE_SECTORS = 2

export type DiskEvent =
  | { readonly kind: 'mark'; readonly text: string }
  | {
      readonly kind: 'failed'
      readonly request: RequestKind
      /** Bytes; 0 and 0 of a flush. */
      readonly at: number
      readonly length: number
      /** Sectors that a failed flush lost. */
      readonly lost: number
    }

/** What a server of block requests needs. `undefined` and `false` are errors of the medium. */
export interface BlockDevice {
  readonly sizeBytes: number
  read(at: number, length: number): Uint8Array | undefined
  write(at: number, data: Uint8Array): boolean
  flush(): boolean
  /** How long the next answer waits. */
  delayMs(): number
}

export interface FaultyDisk extends BlockDevice {
  /** Failed requests and marks, in order. */
  readonly events: readonly DiskEvent[]
  /** How many flushes there were between the marks of begin and end. */
  readonly flushes: () => number
  /** Resolves when the guest waits for an order. */
  readonly isReady: Promise<void>
  /** Resolves when the guest asks for the cut. */
  readonly cutAsked: Promise<void>
  /** What the medium holds after the power has gone. */
  cut(): Uint8Array
}

/** Takes the content over. The order is what the guest is told when it asks for one. */
export function createFaultyDisk(medium: Uint8Array, plan: FaultPlan, order = ''): FaultyDisk {
  const random = randomOf(plan.seed)
  const events: DiskEvent[] = []
  const cutAsked = Promise.withResolvers<void>()
  const isReady = Promise.withResolvers<void>()
  /** Not flushed yet. */
  const cached = new Map<number, Uint8Array>()
  /** Lost by a flush that failed, and still read. */
  const ghosts = new Map<number, Uint8Array>()
  let isFailing = false
  let hasPower = true
  let flushes = 0

  function fails(request: RequestKind): boolean {
    if (!isFailing) return false
    if (plan.failingFlush !== undefined) return request === 'flush' && flushes === plan.failingFlush
    return plan.kinds.has(request) && random() < plan.rate
  }

  function note(request: RequestKind, at: number, length: number, lost = 0): void {
    events.push({ kind: 'failed', request, at, length, lost })
  }

  /** Is a sector among the share? The same answer for all of its piece. */
  function chooser(share: number): (sector: number) => boolean {
    const chosen = new Map<number, boolean>()
    return (sector) => {
      const piece = Math.floor(sector / PIECE_SECTORS)
      const isChosen = chosen.get(piece) ?? random() < share
      chosen.set(piece, isChosen)
      return isChosen
    }
  }

  function put(at: number, data: Uint8Array, share: number): void {
    const kept = data.slice()
    const isKept = chooser(share)
    for (let offset = 0; offset < kept.length; offset += SECTOR_BYTES) {
      const sector = (at + offset) / SECTOR_BYTES
      if (!isKept(sector)) continue
      ghosts.delete(sector)
      cached.set(sector, kept.subarray(offset, offset + SECTOR_BYTES))
    }
  }

  function bringOut(): void {
    for (const [sector, data] of cached) medium.set(data, sector * SECTOR_BYTES)
    cached.clear()
  }

  /** A part is lost, for readers as well or for the medium only; the rest stays in the cache. */
  function lose(): number {
    const isStillRead = random() < 0.5
    const before = cached.size
    const isLost = chooser(LOST_SHARE)
    for (const [sector, data] of cached) {
      if (!isLost(sector)) continue
      cached.delete(sector)
      if (isStillRead) ghosts.set(sector, data)
    }
    return before - cached.size
  }

  function take(text: string): void {
    events.push({ kind: 'mark', text })
    if (text === MARKS.ready) isReady.resolve()
    if (text === MARKS.begin) isFailing = true
    if (text === MARKS.end) isFailing = false
    if (text === MARKS.cut) hasPower = false
    if (text === MARKS.cut) cutAsked.resolve()
  }

  return {
    sizeBytes: medium.length,
    events,
    flushes: () => flushes,
    isReady: isReady.promise,
    cutAsked: cutAsked.promise,
    read(at, length) {
      if (isInMarkArea(at)) return orderBytes(order, length)
      if (fails('read')) {
        note('read', at, length)
        return undefined
      }
      const bytes = medium.slice(at, at + length)
      for (let offset = 0; offset < length; offset += SECTOR_BYTES) {
        const sector = (at + offset) / SECTOR_BYTES
        const newer = cached.get(sector) ?? ghosts.get(sector)
        if (newer !== undefined) bytes.set(newer, offset)
      }
      return bytes
    },
    write(at, data) {
      if (!hasPower) return false
      const mark = markIn(at, data)
      if (mark !== undefined) take(mark)
      else if (fails('write')) {
        note('write', at, data.length)
        put(at, data, random())
        return false
      } else put(at, data, 1)
      return true
    },
    flush() {
      if (!hasPower) return false
      if (isFailing) flushes += 1
      if (fails('flush')) {
        note('flush', 0, 0, lose())
        return false
      }
      bringOut()
      return true
    },
    delayMs() {
      return isFailing && random() < plan.delayRate ? random() * DELAY_MS_MOST : 0
    },
    cut() {
      const survives = chooser(SURVIVING_SHARE)
      for (const [sector, data] of cached)
        if (survives(sector)) medium.set(data, sector * SECTOR_BYTES)
      return medium
    },
  }
}

function isInMarkArea(at: number): boolean {
  return at >= MARK_AREA.start && at < MARK_AREA.start + MARK_AREA.size
}

function orderBytes(order: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  if (order !== '') bytes.set(new TextEncoder().encode(`${ORDER_WORD}${order}`))
  return bytes
}

/** The text of a mark; its writes are the harness's own and never fail. */
function markIn(at: number, data: Uint8Array): string | undefined {
  if (!isInMarkArea(at)) return undefined
  const text = new TextDecoder().decode(data.subarray(0, data.indexOf(0)))
  return text.slice(MARK_WORD.length)
}
