// Records every durable effect at the port through which the engine writes, and makes from the
// record the states in which a power cut may leave the files. Model (reliability 1.5): what was
// flushed is there; of what was not, any subset of 512-byte sectors may be there.
import type { RawFiles } from '../../src/linux/raw-file.ts'

export const SECTOR_BYTES = 512

export type LogEntry =
  | {
      readonly kind: 'write'
      readonly file: string
      readonly offset: number
      readonly data: Uint8Array
    }
  | { readonly kind: 'truncate'; readonly file: string; readonly sizeBytes: number }
  | { readonly kind: 'sync'; readonly file: string }

/** Contents of files by path. */
export type Files = ReadonlyMap<string, Uint8Array>

/** A port that does what the given one does and notes it. */
export function recordWrites(rawFiles: RawFiles, log: LogEntry[]): RawFiles {
  return {
    async open(path, options) {
      const file = await rawFiles.open(path, options)
      return {
        read: (buffer, position) => file.read(buffer, position),
        async write(bytes, position) {
          log.push({ kind: 'write', file: path, offset: position, data: bytes.slice() })
          await file.write(bytes, position)
        },
        async sync() {
          await file.sync()
          log.push({ kind: 'sync', file: path })
        },
        close: () => file.close(),
      }
    },
  }
}

/** What may be on the medium when the power goes after `position` entries. */
export interface CutPoint {
  readonly position: number
  /** Everything that was flushed. */
  readonly durable: Files
  /** What was not, in order. */
  readonly pending: readonly Exclude<LogEntry, { kind: 'sync' }>[]
}

/** Every point between two effects. */
export function* cutPoints(base: Files, log: readonly LogEntry[]): Generator<CutPoint> {
  const durable = new Map(base)
  let pending: Exclude<LogEntry, { kind: 'sync' }>[] = []
  yield { position: 0, durable: new Map(durable), pending: [] }
  for (const [index, entry] of log.entries()) {
    if (entry.kind === 'sync') {
      const flushed = pending.filter((each) => each.file === entry.file)
      pending = pending.filter((each) => each.file !== entry.file)
      apply(durable, flushed, () => true)
    } else pending = [...pending, entry]
    yield { position: index + 1, durable: new Map(durable), pending }
  }
}

/**
 * One state of a cut: the durable files with the sectors of the pending writes that `keep` chooses.
 */
export function stateOf(point: CutPoint, keep: (sector: number) => boolean): Files {
  const files = new Map(point.durable)
  let sector = 0
  apply(files, point.pending, () => keep(sector++))
  return files
}

/** Number of sectors (and truncations) about which the cut decides. */
export function sectorsOf(point: CutPoint): number {
  return point.pending.reduce(
    (sum, entry) =>
      sum + (entry.kind === 'write' ? Math.ceil(entry.data.length / SECTOR_BYTES) : 1),
    0,
  )
}

/** Copies a file before its first change, so that states share what they do not change. */
function apply(
  files: Map<string, Uint8Array>,
  entries: readonly Exclude<LogEntry, { kind: 'sync' }>[],
  keep: () => boolean,
): void {
  const copied = new Set<string>()
  for (const entry of entries) {
    let content = files.get(entry.file) ?? new Uint8Array(0)
    if (!copied.has(entry.file)) content = content.slice()
    copied.add(entry.file)
    files.set(entry.file, content)
    if (entry.kind === 'truncate') {
      if (keep()) files.set(entry.file, content.slice(0, entry.sizeBytes))
      continue
    }
    for (let at = 0; at < entry.data.length; at += SECTOR_BYTES) {
      if (!keep()) continue
      const piece = entry.data.subarray(at, at + SECTOR_BYTES)
      content = grown(content, entry.offset + at + piece.length)
      content.set(piece, entry.offset + at)
      files.set(entry.file, content)
    }
  }
}

function grown(content: Uint8Array, sizeBytes: number): Uint8Array {
  if (content.length >= sizeBytes) return content
  const longer = new Uint8Array(sizeBytes)
  longer.set(content)
  return longer
}
