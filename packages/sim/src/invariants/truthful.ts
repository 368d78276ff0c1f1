// I22: what is reported is so: never idle while armed, never a success before the commit, never a
// fallback that did not happen, and in the end the counts of the status are the facts.
import type { OsInstance } from '@kubenest/api/os/os'
import type { AgentEvent } from '../fakes/fake-agent.ts'
import type { StoredChange } from '../fakes/object-store.ts'
import type { Invariant, World } from './invariant.ts'
import { changeOf, INSTANCE_COLLECTION, isIdle, newVerdict } from './read-records.ts'
import { selectedNodes } from './selected-nodes.ts'

/** Failures that an image without fault may have: the agent refused for another reason. */
const REFUSALS = new Set(['ImageFailedBefore', 'NoPrevious'])

/** Remembers which operations fell back. */
export function makeTruthful(): Invariant {
  const fellBack = new Set<string>()

  function checkVerdict(change: StoredChange, world: World): string | undefined {
    const verdict = newVerdict(change)
    const node = change.current?.metadata.name ?? ''
    const machine = world.machine(node)
    if (verdict === undefined || machine === undefined) return undefined
    const { outcome, operation, image, reason } = verdict
    if (operation === 'config') return undefined
    if (outcome === 'Succeeded' && !machine.hasCommitted(image.version))
      return `${node} reports success before ${image.version} has committed there`
    if (outcome === 'FellBack' && !fellBack.has(`${node}/${verdict.id}`))
      return `${node} reports a fallback of ${verdict.id} that did not happen`
    const isSound = ['good', 'flaky'].includes(world.outcome(node, image.version))
    if (outcome === 'Failed' && operation === 'upgrade' && isSound && !REFUSALS.has(reason))
      return `${node} reports ${reason} for ${image.version}, which has no fault: ${verdict.message}`
    return undefined
  }

  return {
    id: 'I22',
    onAgent: (event: AgentEvent) => {
      if (event.what === 'fell-back') fellBack.add(`${event.node}/${event.operationId}`)
      return undefined
    },
    onChange: (change, world) => checkIdle(change, world) ?? checkVerdict(change, world),
    atRest: checkStatus,
  }
}

function checkIdle(change: StoredChange, world: World): string | undefined {
  const found = changeOf<OsInstance>(change, INSTANCE_COLLECTION)
  const { old, current } = found ?? {}
  if (old === undefined || current === undefined || isIdle(old) || !isIdle(current))
    return undefined
  const isArmed = world.machine(current.metadata.name)?.isArmed === true
  return isArmed ? `${current.metadata.name} is called idle while it is armed` : undefined
}

function checkStatus(world: World): string | undefined {
  const { os } = world
  if (!world.keepsStatus || os === undefined) return undefined
  const nodes = selectedNodes(os, world.nodes)
  const isUpdated = (osImage: string | undefined) => osImage === os.spec?.osversion
  const updated = nodes.filter(({ status }) => isUpdated(status?.nodeInfo?.osImage)).length
  const { status } = os
  if (status?.nodes !== nodes.length)
    return `the status counts ${status?.nodes} nodes of ${nodes.length}`
  if (status.updated !== updated) return `the status counts ${status.updated} updated of ${updated}`
  if ((status.updating ?? 0) !== 0) return `the status counts ${status.updating} updating of 0`
  return status.observedGeneration === os.metadata.generation
    ? undefined
    : `the status is of generation ${status.observedGeneration}, not ${os.metadata.generation}`
}
