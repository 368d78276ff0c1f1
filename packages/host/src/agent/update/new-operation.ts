// The record of an operation, from what a request brings. Pure but for the id it may have to make.
import type { OperationExtras } from '@kubenest/api/agent/rpc'
import type { ImageIdentity } from '@kubenest/api/os/records'
import type { OperationRecord } from './journal-state.ts'

/** A new operation; its id is the caller's, where there is one. */
export function newOperation(
  extras: OperationExtras,
  kind: OperationRecord['kind'],
  target: OperationRecord['target'],
  image: ImageIdentity,
): OperationRecord {
  return { id: crypto.randomUUID(), kind, target, image, ...extrasOf(extras) }
}

/** The parts of a request that an operation keeps. */
export function extrasOf(extras: OperationExtras): Partial<Pick<OperationRecord, 'id' | 'health'>> {
  return {
    ...(extras.operation_id === undefined ? {} : { id: extras.operation_id }),
    ...(extras.health === undefined ? {} : { health: extras.health }),
  }
}
