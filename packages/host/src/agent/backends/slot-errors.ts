// Why the slots of a node cannot be told.
import { OsError } from '@kubenest/base/errors'

/** The running root is neither slot A nor slot B. */
export function unknownSlot(reason: string): OsError {
  return new OsError('host', {
    code: 'slot-unknown',
    message: `Cannot tell the slots of this node: ${reason}`,
  })
}

/** The disk that runs is laid out in another way: nothing on it may be written. */
export function foreignDisk(disk: string, reason: string): OsError {
  return new OsError('host', {
    code: 'disk-foreign',
    message: `Cannot use the disk ${disk}: ${reason}; it must have the documented partitions BOOT or GRUB2, ROOT-A, ROOT-B and PERSIST, as kbimg makes them`,
    fields: { disk },
  })
}
