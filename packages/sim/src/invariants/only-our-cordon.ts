// I18: we uncordon only what we cordoned; mark and cordon come and go in one write.
import type { Node } from '@kubenest/api/core/objects'
import type { StoredChange } from '../fakes/object-store.ts'
import { isOurs, type Invariant } from './invariant.ts'
import { changeOf, isUnschedulable, markOf, NODE_COLLECTION } from './read-records.ts'

export const onlyOurCordon: Invariant = { id: 'I18', onChange: checkCordon }

function checkCordon(change: StoredChange): string | undefined {
  const found = changeOf<Node>(change, NODE_COLLECTION)
  if (found?.current === undefined || !isOurs(change.identity)) return undefined
  const { old, current } = found
  const wasCordoned = isUnschedulable(old)
  const isCordoned = isUnschedulable(current)
  if (wasCordoned && !isCordoned && markOf(old) === undefined)
    return `${change.identity} lifted a cordon of ${change.key} that was not ours`
  if (!wasCordoned && isCordoned && markOf(current) === undefined)
    return `${change.identity} cordoned ${change.key} without a mark`
  if (isCordoned && wasCordoned && markOf(old) === undefined && markOf(current) !== undefined)
    return `${change.identity} put its mark on a cordon of ${change.key} that was not ours`
  return undefined
}
