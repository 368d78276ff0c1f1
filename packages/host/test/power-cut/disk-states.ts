// The states in which a power cut may leave a disk, from the record of its requests: everything
// before the last flush is there; of the requests since, any subset may be, split at 512 bytes. All
// subsets of whole requests where an epoch has at most twelve, random ones and tears beyond that.
import type { BlockEntry } from './guest/block-log.ts'
import { REGIONS, SECTOR_BYTES, type Layout, type Region } from './guest/node-disk.ts'
import type { Recording } from './guest/record-boots.ts'
import { randomOf } from './sample-states.ts'

/** Up to this many requests, every subset is looked at. */
const ENUMERATED_WRITES_MAX = 12
const CHANCES = [0.1, 0.5, 0.9] as const
/** Where the second half of ext4's superblock is. */
const SUPERBLOCK_SECOND = 1536
/** Sums of two stay exact whole numbers. */
const HASH_LIMIT = 2 ** 48
const HASH_MASK = BigInt(HASH_LIMIT - 1)

/** One sector of a request that no flush has confirmed. */
interface Piece {
  readonly write: number
  readonly region: Region
  /** Byte within the region. */
  readonly at: number
  readonly data: Uint8Array
  readonly hash: number
}

interface Epoch {
  readonly index: number
  readonly phase: string
  readonly writes: number
  readonly pieces: readonly Piece[]
}

/** A disk after a cut. Valid until the next one is taken. */
export interface DiskState {
  /** Recording, epoch and subset: enough to make it again. */
  readonly name: string
  /** Same key, same bytes: what is known of a region need not be found out again. */
  key(region: Region): string
  bytes(region: Region): Uint8Array
  /** A part of a region, without making all of it. */
  read(region: Region, at: number, length: number): Uint8Array
}

/** Contents of the regions, and the sum of their sectors' hashes, as flushed so far. */
class DurableDisk {
  readonly contents: Record<Region, Uint8Array>
  readonly sums: Record<Region, number> = { esp: 0, A: 0, B: 0, persist: 0 }

  constructor(base: Uint8Array, layout: Layout) {
    const cut = (region: Region) =>
      base.slice(layout[region].start, layout[region].start + layout[region].size)
    this.contents = { esp: cut('esp'), A: cut('A'), B: cut('B'), persist: cut('persist') }
  }

  sector(piece: Piece): Uint8Array {
    return this.contents[piece.region].subarray(piece.at, piece.at + SECTOR_BYTES)
  }

  write(piece: Piece): void {
    this.sums[piece.region] = summed(this.sums[piece.region], piece, this.sector(piece))
    this.sector(piece).set(piece.data)
  }
}

/**
 * At least `count` states of the named phases, when there is anything undecided; each epoch's
 * prefixes, and all subsets of small ones.
 */
export function* diskStates(
  recording: Recording,
  phases: readonly string[],
  count: number,
  seed: number,
): Generator<DiskState> {
  const epochs = [...epochsOf(recording)]
  const chosen = epochs.filter((epoch) => phases.includes(epoch.phase))
  const fixed = chosen.reduce((sum, epoch) => sum + fixedSubsets(epoch), 0)
  const open = chosen.filter((epoch) => epoch.pieces.length > 1)
  const extra = open.length === 0 ? 0 : Math.max(0, Math.ceil((count - fixed) / open.length))
  const disk = new DurableDisk(recording.base, recording.layout)
  for (const epoch of epochs) {
    if (phases.includes(epoch.phase))
      yield* statesOf(recording.name, disk, epoch, epoch.pieces.length > 1 ? extra : 0, seed)
    for (const piece of epoch.pieces) disk.write(piece)
  }
}

/**
 * States of a record that a cut has ended: what was flushed is there, of the rest nothing, all, or
 * any part, `count` states in all. A mark is no flush here: nothing after the last one is sure.
 */
export function* statesAfterCut(
  recording: Recording,
  count: number,
  seed: number,
): Generator<DiskState> {
  const entries = recording.entries.filter((entry) => entry.kind !== 'mark')
  const epochs = [...epochsOf({ ...recording, entries })]
  const open = epochs.pop()
  if (open === undefined) return
  const disk = new DurableDisk(recording.base, recording.layout)
  for (const epoch of epochs) for (const piece of epoch.pieces) disk.write(piece)
  const prefix = `${recording.name} epoch ${open.index} (${lastPhase(recording)})`
  yield stateOf(disk, [], `${prefix} nothing`)
  yield stateOf(disk, open.pieces, `${prefix} all`)
  const random = randomOf(seed)
  for (let round = 0; round < count - 2; round += 1)
    yield stateOf(disk, randomPieces(open, round, random), `${prefix} random ${round}`)
}

/** The disk as a boot left it. */
export function stateOfEnd({
  name,
  layout,
  base,
  end,
}: Omit<Recording, 'entries' | 'versions'>): DiskState {
  const disk = new DurableDisk(base, layout)
  const changes: Piece[] = []
  for (const region of REGIONS) {
    const { start, size } = layout[region]
    const data = end.subarray(start, start + size)
    const whole = { kind: 'write', sector: start / SECTOR_BYTES, data, isForced: false } as const
    for (const piece of piecesOf(whole, 0, layout))
      if (Buffer.compare(piece.data, disk.sector(piece)) !== 0) changes.push(piece)
  }
  return stateOf(disk, changes, `${name} as it was left`)
}

/** The phase in which a record ends. */
export function lastPhase({ entries }: Pick<Recording, 'entries'>): string {
  return entries.findLast((entry) => entry.kind === 'mark')?.text ?? 'boot'
}

function fixedSubsets({ writes }: Epoch): number {
  return writes <= ENUMERATED_WRITES_MAX ? 2 ** writes : writes + 1
}

function* statesOf(
  recording: string,
  disk: DurableDisk,
  epoch: Epoch,
  extra: number,
  seed: number,
): Generator<DiskState> {
  const prefix = `${recording} epoch ${epoch.index} (${epoch.phase})`
  for (let subset = 0; subset < fixedSubsets(epoch); subset += 1) {
    const isPrefix = epoch.writes > ENUMERATED_WRITES_MAX
    const keep = ({ write }: Piece) => (isPrefix ? write < subset : ((subset >> write) & 1) === 1)
    yield stateOf(
      disk,
      epoch.pieces.filter(keep),
      `${prefix} ${isPrefix ? 'first' : 'subset'} ${subset}`,
    )
  }
  const random = randomOf(seed + epoch.index)
  for (let round = 0; round < extra; round += 1) {
    const pieces = randomPieces(epoch, round, random)
    yield stateOf(disk, pieces, `${prefix} random ${round}`)
  }
}

/** Whole requests by chance; in two of three rounds one or all of the kept ones are torn. */
function randomPieces(epoch: Epoch, round: number, random: () => number): Piece[] {
  const chance = CHANCES[round % CHANCES.length] ?? 0.5
  const kept = new Set<number>()
  for (let write = 0; write < epoch.writes; write += 1) if (random() < chance) kept.add(write)
  const manner = Math.floor(round / CHANCES.length) % 3
  const torn = Math.floor(random() * epoch.writes)
  const chosen = epoch.pieces.filter(({ write }) => {
    if (manner === 0) return kept.has(write)
    if (manner === 1) return write === torn ? random() < 0.5 : kept.has(write)
    return random() < chance
  })
  return withWholeSuperblock(epoch.pieces, chosen)
}

/**
 * The superblock of ext4 is two sectors with one checksum, which the kernel writes outside its
 * journal at each mount: a tear between them is its own weakness, not the agent's.
 */
function withWholeSuperblock(all: readonly Piece[], chosen: readonly Piece[]): Piece[] {
  const isSecond = ({ region, at }: Piece) => region === 'persist' && at === SUPERBLOCK_SECOND
  const kept = new Set(chosen)
  for (const second of all.filter(isSecond)) {
    const first = all.find(
      ({ write, region, at }) =>
        write === second.write && region === second.region && at === second.at - SECTOR_BYTES,
    )
    if (first === undefined) continue
    if (kept.has(first)) kept.add(second)
    else kept.delete(second)
  }
  return all.filter((piece) => kept.has(piece))
}

function stateOf(disk: DurableDisk, pieces: readonly Piece[], name: string): DiskState {
  // Where requests overlap, the later one is what the medium has.
  const last = new Map<string, Piece>()
  for (const piece of pieces) last.set(`${piece.region} ${piece.at}`, piece)
  const changes = [...last.values()]
  const sums = { ...disk.sums }
  for (const piece of changes)
    sums[piece.region] = summed(sums[piece.region], piece, disk.sector(piece))
  return {
    name,
    key: (region) => `${region} ${sums[region]}`,
    bytes(region) {
      const bytes = disk.contents[region].slice()
      for (const piece of changes) if (piece.region === region) bytes.set(piece.data, piece.at)
      return bytes
    },
    read(region, at, length) {
      const bytes = disk.contents[region].slice(at, at + length)
      for (const piece of changes) {
        const inside = piece.region === region && piece.at >= at && piece.at < at + length
        if (inside) bytes.set(piece.data.subarray(0, at + length - piece.at), piece.at - at)
      }
      return bytes
    },
  }
}

function* epochsOf({ entries, layout }: Pick<Recording, 'entries' | 'layout'>): Generator<Epoch> {
  let [index, phase, writes] = [0, 'boot', 0]
  let pieces: Piece[] = []
  for (const entry of entries) {
    if (entry.kind === 'write') {
      pieces.push(...piecesOf(entry, writes, layout))
      writes += 1
      continue
    }
    // A mark follows a flush of everything: what is still open belongs to the phase before it.
    yield { index, phase, writes, pieces }
    ;[index, writes, pieces] = [index + 1, 0, []]
    if (entry.kind === 'mark') phase = entry.text
  }
  yield { index, phase, writes, pieces }
}

function* piecesOf(
  entry: Extract<BlockEntry, { kind: 'write' }>,
  write: number,
  layout: Layout,
): Generator<Piece> {
  if (entry.isForced) throw new Error('The record has a forced write, which the model lacks')
  const start = entry.sector * SECTOR_BYTES
  for (let offset = 0; offset < entry.data.length; offset += SECTOR_BYTES) {
    const position = start + offset
    const region = REGIONS.find(
      (each) => position >= layout[each].start && position < layout[each].start + layout[each].size,
    )
    if (region === undefined) continue
    const at = position - layout[region].start
    const data = entry.data.subarray(offset, offset + SECTOR_BYTES)
    yield { write, region, at, data, hash: hashOf(at, data) }
  }
}

/** The sum of a region with one sector replaced. */
function summed(sum: number, piece: Piece, before: Uint8Array): number {
  return (sum + piece.hash - hashOf(piece.at, before) + HASH_LIMIT) % HASH_LIMIT
}

function hashOf(at: number, sector: Uint8Array): number {
  return Number(Bun.hash.wyhash(sector, BigInt(at)) & HASH_MASK)
}
