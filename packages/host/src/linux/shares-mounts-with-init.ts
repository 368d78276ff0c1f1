// Whether two processes see the same files.
import { readlinkSync } from 'node:fs'

/**
 * True when process 1, as we see it, has our own mount namespace; `undefined` when it may not be
 * looked at.
 */
export function sharesMountsWithInit(): boolean | undefined {
  try {
    return readlinkSync('/proc/1/ns/mnt') === readlinkSync('/proc/self/ns/mnt')
  } catch {
    // Hidden from a container without the right to look.
    return undefined
  }
}
