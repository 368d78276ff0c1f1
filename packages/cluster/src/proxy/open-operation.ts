// A new operation record for an assignment: the claim's id where there is one, else an id of our
// own.
import type { Os } from '@kubenest/api/os/os'
import type { OperationRecord } from '@kubenest/api/os/records'
import type { Facts, Subject } from './facts.ts'
import { claimIdOf, findAttempt, timestamp, wantedImage } from './operation-record.ts'
import { isForeignCordon, osImageOf } from './subject.ts'

/**
 * The record in its first phase. A foreign cordon is taken over when the node already runs the
 * target (only upstream's proxy can have cordoned it on the way), or when the assignment is older
 * than this process; otherwise it is an admin's, and it stays.
 */
export function openOperation(
  facts: Facts,
  subject: Subject & { readonly os: Os },
  nowMs: number,
): OperationRecord {
  const { node, instance, os } = subject
  const attempt = findAttempt(os, instance)
  const isHalfFinished = osImageOf(node) === os.spec?.osversion || facts.wasAssignedAtStart
  return {
    id: claimIdOf(instance) ?? facts.freshId,
    type: os.spec?.opstype ?? 'upgrade',
    image: wantedImage(os),
    phase: 'Configuring',
    since: timestamp(nowMs),
    ...(attempt === undefined ? {} : { attempt }),
    ...(isHalfFinished && isForeignCordon(subject) ? { adopted: true } : {}),
  }
}
