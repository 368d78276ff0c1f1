// Local time from the bytes of a TZif file (RFC 9636). Runtimes detect the zone by the name of a
// link and fall back to UTC in silence when /etc/localtime is a mounted plain file (contract 1.9,
// trap 2).
import { OsError } from './errors.ts'
import { parsePosixZone, type OffsetAt } from './time-zone-posix.ts'

const HEADER_BYTES = 44
const FILE_BYTES_MAX = 1024 * 1024

/** A time zone: how far local time is ahead of UTC. */
export interface TimeZone {
  /** Seconds east of UTC at an instant given in seconds since 1970 UTC. */
  offsetSecondsAt(epochSeconds: number): number
}

/** Coordinated universal time. */
export const utcZone: TimeZone = { offsetSecondsAt: () => 0 }

/**
 * Makes a zone of a POSIX rule, for example `CST-8`.
 *
 * @throws {OsError} kind `invalid`, code `time-zone-invalid`.
 */
export function posixZone(rule: string): TimeZone {
  return { offsetSecondsAt: parsePosixZone(rule) }
}

/**
 * Parses a TZif file of version 1 to 4.
 *
 * @throws {OsError} kind `invalid`, code `time-zone-invalid`, when the bytes are no complete TZif
 * file.
 */
export function parseTimeZone(bytes: Uint8Array): TimeZone {
  if (bytes.length > FILE_BYTES_MAX) throw invalid('it is larger than 1 MiB')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const first = readHeader(view, 0)
  const block =
    first.version === 0
      ? { header: first, at: HEADER_BYTES, timeBytes: 4 as const }
      : secondBlock(view, first)
  const table = readTable(view, block)
  const footer = first.version === 0 ? '' : readFooter(bytes, table.end)
  const after = footer === '' ? undefined : parsePosixZone(footer)
  return { offsetSecondsAt: (epochSeconds) => lookUp(table, after, epochSeconds) }
}

interface Header {
  version: number
  utCount: number
  standardCount: number
  leapCount: number
  timeCount: number
  typeCount: number
  charCount: number
}

interface Block {
  header: Header
  at: number
  timeBytes: 4 | 8
}

interface Table {
  times: number[]
  /** Offset that begins at the time of the same index. */
  offsets: number[]
  /** Offset before the first time. */
  before: number
  end: number
}

function readHeader(view: DataView, at: number): Header {
  if (view.byteLength < at + HEADER_BYTES) throw invalid('its header is incomplete')
  // "TZif"
  if (view.getUint32(at) !== 0x54_5a_69_66) throw invalid('it does not begin with TZif')
  const version = view.getUint8(at + 4)
  const counts = Array.from({ length: 6 }, (_, index) => view.getUint32(at + 20 + index * 4))
  const [
    utCount = 0,
    standardCount = 0,
    leapCount = 0,
    timeCount = 0,
    typeCount = 0,
    charCount = 0,
  ] = counts
  return { version, utCount, standardCount, leapCount, timeCount, typeCount, charCount }
}

function blockBytes(header: Header, timeBytes: 4 | 8): number {
  return (
    header.timeCount * (timeBytes + 1) +
    header.typeCount * 6 +
    header.charCount +
    header.leapCount * (timeBytes + 4) +
    header.standardCount +
    header.utCount
  )
}

/**
 * Files since version 2 repeat everything with 64-bit times; the first block is for old readers.
 */
function secondBlock(view: DataView, first: Header): Block {
  const at = HEADER_BYTES + blockBytes(first, 4)
  return { header: readHeader(view, at), at: at + HEADER_BYTES, timeBytes: 8 }
}

function readTable(view: DataView, block: Block): Table {
  const { header, at, timeBytes } = block
  const end = at + blockBytes(header, timeBytes)
  if (view.byteLength < end) throw invalid('it ends too early')
  if (header.typeCount === 0) throw invalid('it holds no local time type')
  const typesAt = at + header.timeCount * (timeBytes + 1)
  const offsetOf = (type: number) => {
    if (type >= header.typeCount) throw invalid('it names an unknown local time type')
    return view.getInt32(typesAt + type * 6)
  }
  const times: number[] = []
  const offsets: number[] = []
  for (let index = 0; index < header.timeCount; index += 1) {
    const where = at + index * timeBytes
    times.push(timeBytes === 8 ? Number(view.getBigInt64(where)) : view.getInt32(where))
    offsets.push(offsetOf(view.getUint8(at + header.timeCount * timeBytes + index)))
  }
  return { times, offsets, before: offsetOf(0), end }
}

function readFooter(bytes: Uint8Array, at: number): string {
  const text = new TextDecoder().decode(bytes.subarray(at))
  const match = /^\n([^\n]*)\n/.exec(text)
  if (match === null) throw invalid('its footer is missing')
  return match[1] ?? ''
}

function lookUp(table: Table, after: OffsetAt | undefined, epochSeconds: number): number {
  const { times, offsets } = table
  const last = times.length - 1
  const lastTime = times[last]
  if (after !== undefined && (lastTime === undefined || epochSeconds >= lastTime))
    return after(epochSeconds)
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? Infinity) <= epochSeconds) low = middle + 1
    else high = middle
  }
  return low === 0 ? table.before : (offsets[low - 1] ?? table.before)
}

function invalid(why: string): OsError {
  return new OsError('invalid', {
    code: 'time-zone-invalid',
    message: `Cannot read the time zone file: ${why}`,
  })
}
