// Reads the record of QEMU's `blklogwrites` (the format of the kernel's dm-log-writes): a header
// block, then for each request a header block and its data.
import { SECTOR_BYTES } from './node-disk.ts'

const MAGIC = 0x6a736677736872n
const FLAGS = { flush: 1, fua: 2, discard: 4 } as const
/** A sector between the partition table and the first partition: the driver's marks go there. */
export const MARK_SECTOR = 1024
export const MARK_WORD = 'KUBENEST-MARK '
export const MARK_BYTES_MAX = 4096

/** A request that was logged after one that the kill has kept from the log. */
export class HoleInRecord extends Error {}

export type BlockEntry =
  | {
      readonly kind: 'write'
      readonly sector: number
      readonly data: Uint8Array
      /** Durable when it is done, by itself. */
      readonly isForced: boolean
    }
  | { readonly kind: 'flush' }
  /** Not a write of the node: where a phase begins. */
  | { readonly kind: 'mark'; readonly text: string }

/**
 * All entries in order. Of a record that was cut off: those behind the last count, too, as far as
 * they are complete.
 *
 * @throws HoleInRecord when a request is missing in the middle.
 */
export function parseBlockLog(log: Uint8Array, isCutOff = false): BlockEntry[] {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength)
  if (view.getBigUint64(0, true) !== MAGIC) throw new Error('This is no record of writes')
  const count = isCutOff ? Infinity : Number(view.getBigUint64(16, true))
  const blockBytes = view.getUint32(24, true)
  const entries: BlockEntry[] = []
  let at = blockBytes
  for (let index = 0; index < count; index += 1) {
    if (isCutOff && isEnd(log, at, blockBytes)) break
    const sector = Number(view.getBigUint64(at, true)) * (blockBytes / SECTOR_BYTES)
    const lengthBytes = Number(view.getBigUint64(at + 8, true)) * blockBytes
    const flags = Number(view.getBigUint64(at + 16, true))
    at += blockBytes
    if ((flags & FLAGS.discard) !== 0) throw new Error('The record has a discard: switch it off')
    if ((flags & FLAGS.flush) !== 0) entries.push({ kind: 'flush' })
    if (lengthBytes === 0) continue
    if (isCutOff && at + lengthBytes > log.length) break
    const data = log.subarray(at, at + lengthBytes)
    entries.push(entryOf(sector, data, (flags & FLAGS.fua) !== 0))
    at += lengthBytes
  }
  return entries
}

function isEnd(log: Uint8Array, at: number, blockBytes: number): boolean {
  if (log.subarray(at, at + blockBytes).some((byte) => byte !== 0)) return false
  if (log.subarray(at).some((byte) => byte !== 0)) throw new HoleInRecord('The record has a hole')
  return true
}

function entryOf(sector: number, data: Uint8Array, isForced: boolean): BlockEntry {
  if (sector !== MARK_SECTOR) return { kind: 'write', sector, data, isForced }
  const text = new TextDecoder().decode(data.subarray(0, data.indexOf(0)))
  return { kind: 'mark', text: text.slice(MARK_WORD.length) }
}
