// Finds the JSON values in a byte stream without delimiters (contract 4.2): the end of a value is
// where its brackets close outside strings. Pure, bounded, and it never throws, whatever the bytes
// are.
import { RPC_DEPTH_MAX, RPC_MESSAGE_BYTES_MAX, RPC_VALUES_MAX } from './rpc.ts'

/**
 * Why bytes are not a value; after `broken: true` the stream's position is lost and it must be
 * closed.
 */
export type FramingFault = 'not-json' | 'too-large' | 'too-deep' | 'too-many-values'

/** One outcome: a complete value (object or array), or a fault. */
export type FramedValue =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'fault'; readonly fault: FramingFault; readonly broken: boolean }

/** Caps of one value. */
export interface FramerLimits {
  /** Bytes of one value. @defaultValue RPC_MESSAGE_BYTES_MAX */
  readonly bytesMax?: number
  /** Open brackets at one time. @defaultValue RPC_DEPTH_MAX */
  readonly depthMax?: number
  /** Objects, arrays, members and elements in all. @defaultValue RPC_VALUES_MAX */
  readonly valuesMax?: number
}

/** Incremental framer of one connection. */
export interface JsonFramer {
  /**
   * Takes the next bytes and yields the values they complete. Lazy: exhaust it before the next
   * `push`. Yields nothing more once a fault with `broken: true` was given.
   */
  push(bytes: Uint8Array): Generator<FramedValue, void, void>
  /** True while the bytes so far end inside a value. */
  isInsideValue(): boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const FIRST_CAPACITY = 4096
const KEPT_CAPACITY_MAX = 16_384

/**
 * Makes a framer. Scalars at the top level are faults: JSON-RPC has none.
 *
 * @example
 * ```ts
 * const framer = createJsonFramer()
 * const bytes = new TextEncoder().encode('{"id":1}[2]')
 * const values = [...framer.push(bytes)].map((framed) => framed.kind) // ['value', 'value']
 * ```
 */
export function createJsonFramer(limits: FramerLimits = {}): JsonFramer {
  const bytesMax = limits.bytesMax ?? RPC_MESSAGE_BYTES_MAX
  const depthMax = limits.depthMax ?? RPC_DEPTH_MAX
  const valuesMax = limits.valuesMax ?? RPC_VALUES_MAX
  const text = createTextBuffer(bytesMax)
  const scan = { depth: 0, values: 0, inString: false, escaped: false }
  let broken = false

  function breakOff(fault: FramingFault): FramedValue {
    broken = true
    text.release()
    return { kind: 'fault', fault, broken: true }
  }

  function* push(bytes: Uint8Array): Generator<FramedValue, void, void> {
    let start = 0
    for (let at = 0; at < bytes.length && !broken; at += 1) {
      const byte = bytes[at] ?? 0
      if (scan.depth === 0) {
        if (isWhiteSpace(byte)) continue
        if (!isOpener(byte)) return yield breakOff('not-json')
        start = at
        scan.values = 0
      }
      step(scan, byte)
      if (scan.depth > depthMax) return yield breakOff('too-deep')
      if (scan.values > valuesMax) return yield breakOff('too-many-values')
      if (text.length() + at + 1 - start > bytesMax) return yield breakOff('too-large')
      if (scan.depth > 0) continue
      text.append(bytes.subarray(start, at + 1))
      yield parseValue(text.take())
    }
    if (scan.depth > 0 && !broken) text.append(bytes.subarray(start))
  }

  return { push, isInsideValue: () => scan.depth > 0 && !broken }
}

interface ScanState {
  depth: number
  values: number
  inString: boolean
  escaped: boolean
}

/**
 * Structural bytes of JSON are ASCII and never part of a longer UTF-8 sequence, so bytes suffice.
 */
function step(scan: ScanState, byte: number): void {
  if (scan.inString) {
    if (scan.escaped) scan.escaped = false
    else if (byte === BACKSLASH) scan.escaped = true
    else if (byte === QUOTE) scan.inString = false
    return
  }
  if (byte === QUOTE) scan.inString = true
  else if (byte === COMMA) scan.values += 1
  else if (isOpener(byte)) {
    scan.depth += 1
    scan.values += 1
  } else if (byte === 0x7d || byte === 0x5d) scan.depth -= 1
}

function isOpener(byte: number): boolean {
  return byte === 0x7b || byte === 0x5b
}

function isWhiteSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d && byte !== 0x0b && byte !== 0x0c)
}

function parseValue(bytes: Uint8Array): FramedValue {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return { kind: 'value', value: JSON.parse(text) as unknown }
  } catch {
    // Balanced brackets, yet no JSON: its end is known, so the stream can go on.
    return { kind: 'fault', fault: 'not-json', broken: false }
  }
}

/** One growing buffer per value: a writer of single bytes costs no object per byte. */
function createTextBuffer(bytesMax: number) {
  let buffer = new Uint8Array(0)
  let used = 0
  return {
    length: () => used,
    append(bytes: Uint8Array): void {
      const needed = used + bytes.length
      if (needed > buffer.length) {
        const doubled = Math.max(FIRST_CAPACITY, buffer.length * 2, needed)
        const grown = new Uint8Array(Math.max(needed, Math.min(doubled, bytesMax)))
        grown.set(buffer.subarray(0, used))
        buffer = grown
      }
      buffer.set(bytes, used)
      used = needed
    },
    /** Valid until the next `append`: a stream of small values uses one buffer for all. */
    take(): Uint8Array {
      const taken = buffer.subarray(0, used)
      if (buffer.length > KEPT_CAPACITY_MAX) buffer = new Uint8Array(0)
      used = 0
      return taken
    },
    release(): void {
      buffer = new Uint8Array(0)
      used = 0
    },
  }
}
