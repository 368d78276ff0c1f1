// I20: an image is tried once on a node; a second trial needs a person.
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { AgentEvent } from '../fakes/fake-agent.ts'
import type { StoredChange } from '../fakes/object-store.ts'
import type { Invariant, World } from './invariant.ts'
import { changeOf, isSameImage, newClaims, OS_COLLECTION, verdictOf } from './read-records.ts'

export const oneTrial: Invariant = { id: 'I20', onChange: checkClaims, onAgent: checkTrial }

function checkTrial(event: AgentEvent): string | undefined {
  if (event.what !== 'armed' || event.failures === 0 || event.allowed > 0) return undefined
  return `${event.image.version} is tried again on ${event.node}, where it fell back before`
}

function checkClaims(change: StoredChange, world: World): string | undefined {
  const found = changeOf<Os>(change, OS_COLLECTION)
  for (const claim of newClaims(found?.old, found?.current)) {
    const instance: OsInstance | undefined = world.instance(claim.node)
    const verdict = verdictOf(instance)
    if (verdict?.outcome !== 'FellBack' || claim.operation === 'config') continue
    if (claim.attempt === undefined && isSameImage(verdict.image, claim.image))
      return `${claim.node} is claimed for ${claim.image.version}, which fell back there`
  }
  return undefined
}
