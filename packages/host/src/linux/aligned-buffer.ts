// Memory whose address suits direct input and output; large buffers only happen to be aligned.
import { ptr } from 'bun:ffi'

/** Alignment of direct transfers, bytes: enough for 512-byte and 4 KiB sectors. */
export const DIRECT_ALIGNMENT_BYTES = 4096

/** Uninitialised memory of this length at an aligned address. */
export function alignedBuffer(lengthBytes: number): Uint8Array {
  const raw = Buffer.allocUnsafeSlow(lengthBytes + DIRECT_ALIGNMENT_BYTES)
  const over = ptr(raw) % DIRECT_ALIGNMENT_BYTES
  const shift = over === 0 ? 0 : DIRECT_ALIGNMENT_BYTES - over
  return raw.subarray(shift, shift + lengthBytes)
}
