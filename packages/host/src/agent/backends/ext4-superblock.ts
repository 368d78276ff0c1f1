// The two things we change or read in an ext4 superblock: its label and its checksum. Pure. A raw
// image carries no slot name, so the label is set before the first 64 KiB are written (decision
// 16).
import { crc32c } from './crc32c.ts'

/** Where the superblock begins in a file system, and its size, bytes. */
export const SUPERBLOCK_START = 1024
export const SUPERBLOCK_BYTES = 1024

const MAGIC_AT = 56
const FEATURES_RO_AT = 100
const LABEL_AT = 120
const LABEL_BYTES = 16
const CHECKSUM_AT = 1020
const METADATA_CSUM = 0x400

/** True when these first bytes of a file system hold an ext superblock. */
export function isExt4(head: Uint8Array): boolean {
  const at = SUPERBLOCK_START + MAGIC_AT
  return head[at] === 0x53 && head[at + 1] === 0xef
}

/** Label of a file system from its first bytes; `undefined` when it is none. */
export function ext4Label(head: Uint8Array): string | undefined {
  if (!isExt4(head)) return undefined
  const bytes = head.subarray(
    SUPERBLOCK_START + LABEL_AT,
    SUPERBLOCK_START + LABEL_AT + LABEL_BYTES,
  )
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
}

/** Sets the label in place and renews the superblock's checksum where the file system has one. */
export function setExt4Label(head: Uint8Array, label: string): void {
  const block = head.subarray(SUPERBLOCK_START, SUPERBLOCK_START + SUPERBLOCK_BYTES)
  const bytes = new Uint8Array(LABEL_BYTES)
  bytes.set(new TextEncoder().encode(label).subarray(0, LABEL_BYTES))
  block.set(bytes, LABEL_AT)
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  if ((view.getUint32(FEATURES_RO_AT, true) & METADATA_CSUM) === 0) return
  view.setUint32(CHECKSUM_AT, crc32c(block.subarray(0, CHECKSUM_AT)), true)
}
