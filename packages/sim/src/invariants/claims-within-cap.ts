// I16: nodes with an active claim never exceed the cap, at any resource version, under any number
// of operators. Lowering the cap adds no claim; it takes none away either.
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { StoredChange } from '../fakes/object-store.ts'
import type { Invariant, World } from './invariant.ts'
import {
  changeOf,
  claimsOf,
  INSTANCE_COLLECTION,
  isIdle,
  newClaims,
  OS_COLLECTION,
  ownerOf,
} from './read-records.ts'

const OS_KEY = 'default/os'

export const claimsWithinCap: Invariant = {
  id: 'I16',
  onChange: (change, world) => checkClaims(change, world) ?? checkUnclaimed(change, world),
}

function checkClaims(change: StoredChange, world: World): string | undefined {
  const found = changeOf<Os>(change, OS_COLLECTION)
  const added = newClaims(found?.old, found?.current)
  if (found?.current === undefined || added.length === 0) return undefined
  const cap = found.current.spec?.maxunavailable ?? 0
  const claims = claimsOf(found.current)
  if (claims.length > cap)
    return `${claims.length} claims stand on the OS object, and its cap is ${cap}`
  const names = new Set([...claims.map(({ node }) => node), ...busyNames(world)])
  if (names.size <= cap) return undefined
  return `${[...names].join(', ')} are claimed or at work, and the cap is ${cap}`
}

function busyNames(world: World): string[] {
  const isBusy = (instance: OsInstance) => !isIdle(instance) && ownerOf(instance) === OS_KEY
  return world.instances
    .filter((instance) => isBusy(instance) && world.node(instance.metadata.name) !== undefined)
    .map(({ metadata }) => metadata.name)
}

/** Without the right to write claims, one node at a time. */
function checkUnclaimed(change: StoredChange, world: World): string | undefined {
  const found = changeOf<OsInstance>(change, INSTANCE_COLLECTION)
  const { current, old } = found ?? {}
  if (world.mayClaim || current === undefined || isIdle(current)) return undefined
  if (old !== undefined && !isIdle(old)) return undefined
  const names = new Set(busyNames(world))
  return names.size <= 1 ? undefined : `${[...names].join(', ')} are at work without claims`
}
