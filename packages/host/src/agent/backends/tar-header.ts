// One header block of a tar, decoded strictly. Pure. Stricter than GNU tar, which unpacks: what two
// readers could take differently (numbers with signs, bytes after a terminator, other magics) is
// refused, so that what we judge is what it does.
import { OsError } from '@kubenest/base/errors'

export const BLOCK_BYTES = 512

/** Fields of a header as they stand in the block. */
export interface TarHeader {
  readonly name: string
  readonly linkname: string
  /** The type flag; `'0'` for the old way of writing a file. */
  readonly flag: string
  readonly sizeBytes: number
  /** GNU sparse files only. */
  readonly sparse?: { readonly realBytes: number; readonly hasMore: boolean }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })
const POSIX_MAGIC = 'ustar\u000000'
const GNU_MAGIC = 'ustar  \u0000'
const CHECKSUM_AT = 148
const SPARSE_TABLE_AT = 386

/** Decodes a block; throws code `image-damaged` for what is not a header. */
export function decodeTarHeader(block: Uint8Array): TarHeader {
  assertChecksum(block)
  const magic = latin1(block.subarray(257, 265))
  if (magic !== POSIX_MAGIC && magic !== GNU_MAGIC) throw damaged('a header is of no known format')
  const flag = latin1(block.subarray(156, 157)).replace('\u0000', '0')
  for (const [at, length] of [
    [100, 8],
    [108, 8],
    [116, 8],
  ] as const)
    number(block.subarray(at, at + length), 'positive')
  number(block.subarray(136, 148), 'any')
  const name = text(block.subarray(0, 100))
  const prefix = magic === POSIX_MAGIC ? text(block.subarray(345, 500)) : ''
  const header = {
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkname: text(block.subarray(157, 257)),
    flag,
    sizeBytes: number(block.subarray(124, 136), 'positive'),
  }
  if (flag !== 'S') return header
  if (magic !== GNU_MAGIC) throw damaged('a sparse file has a header that is not of GNU tar')
  return { ...header, sparse: decodeSparse(block) }
}

function decodeSparse(block: Uint8Array) {
  const realBytes = number(block.subarray(483, 495), 'positive')
  checkSparseTable(block.subarray(SPARSE_TABLE_AT, SPARSE_TABLE_AT + 96), realBytes)
  return { realBytes, hasMore: block[482] !== 0 }
}

/** One more block of the map of a GNU sparse file; returns whether another one follows. */
export function decodeSparseBlock(block: Uint8Array, realBytes: number): boolean {
  checkSparseTable(block.subarray(0, 504), realBytes)
  return block[504] !== 0
}

function checkSparseTable(table: Uint8Array, realBytes: number): void {
  for (let at = 0; at < table.length; at += 24) {
    const piece = table.subarray(at, at + 24)
    if (piece[0] === 0) return
    const end = number(piece.subarray(0, 12), 'positive') + number(piece.subarray(12), 'positive')
    if (end > realBytes) throw damaged('the map of a sparse file leads beyond its end')
  }
}

/** Text of a field or record that must be UTF-8 without a zero byte inside. */
export function strictText(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw damaged('a name holds a zero byte')
  try {
    return UTF8.decode(bytes)
  } catch {
    // The only thing that a fatal decoder throws for.
    throw damaged('a name is not UTF-8')
  }
}

function text(field: Uint8Array): string {
  const end = field.indexOf(0)
  if (end === -1) return strictText(field)
  if (field.subarray(end).some((byte) => byte !== 0)) throw damaged('a name holds a zero byte')
  return strictText(field.subarray(0, end))
}

function number(field: Uint8Array, sign: 'positive' | 'any'): number {
  const first = field[0] ?? 0
  if (first === 0x80) return binary(field.subarray(1))
  // Times before 1970; their value is GNU tar's business.
  if (first === 0xff && sign === 'any') return 0
  // oxlint-disable-next-line no-control-regex
  const digits = /^ *([0-7]*)[ \u0000]*$/.exec(latin1(field))?.[1]
  if (digits === undefined) throw damaged('a header holds a number that is none, or is negative')
  return digits === '' ? 0 : Number.parseInt(digits, 8)
}

function binary(bytes: Uint8Array): number {
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  if (value > Number.MAX_SAFE_INTEGER) throw damaged('a header holds a number beyond all sizes')
  return value
}

function assertChecksum(block: Uint8Array): void {
  const stated = number(block.subarray(CHECKSUM_AT, CHECKSUM_AT + 8), 'positive')
  let sum = 8 * 0x20
  for (const [at, byte] of block.entries())
    if (at < CHECKSUM_AT || at >= CHECKSUM_AT + 8) sum += byte
  if (sum !== stated) throw damaged('the checksum of a header is wrong')
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

/** The archive as such is not sound. */
export function damaged(reason: string): OsError {
  return new OsError('integrity', {
    code: 'image-damaged',
    message: `Cannot use the image: it is not a sound tar: ${reason}; publish it again`,
  })
}
