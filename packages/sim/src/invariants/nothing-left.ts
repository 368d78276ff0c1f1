// I19 and I23: when everything has come to rest, no work is open without a reason, and nothing of
// ours is left on any object.
import type { Node } from '@kubenest/api/core/objects'
import { LABELS } from '@kubenest/api/os/names'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { NodeFailure } from '@kubenest/api/os/records'
import type { Invariant, World } from './invariant.ts'
import {
  claimsOf,
  imageOf,
  isIdle,
  isSameImage,
  labelsOf,
  markOf,
  ownerOf,
  rolloutOf,
  verdictOf,
} from './read-records.ts'
import { selectedNodes } from './selected-nodes.ts'

export const nothingLeft: Invariant = {
  id: 'I23',
  atRest: (world) =>
    first(world.instances, (instance) => leftOnInstance(instance, world)) ??
    first(world.nodes, (node) => leftOnNode(node, world)) ??
    leftOnOs(world.os),
}

/** Work that should have been done by now. */
export const everyStateEnds: Invariant = {
  id: 'I19',
  atRest: (world) => {
    const { os } = world
    if (os === undefined || isHalted(os, world)) return undefined
    return first(selectedNodes(os, world.nodes), (node) => unfinished(os, node, world))
  },
}

function first<T>(all: readonly T[], check: (each: T) => string | undefined): string | undefined {
  for (const each of all) {
    const found = check(each)
    if (found !== undefined) return found
  }
  return undefined
}

function leftOnInstance(instance: OsInstance, world: World): string | undefined {
  const { name } = instance.metadata
  if (world.node(name) === undefined) return `the OSInstance ${name} is left without its node`
  if (!isIdle(instance)) return `${name} is left in ${instance.spec?.nodestatus}`
  return ownerOf(instance) === undefined ? undefined : `${name} is left owned`
}

function leftOnNode(node: Node, { os, mayClaim }: World): string | undefined {
  const { name } = node.metadata
  // A serial batch stays open while the rollout is halted in the middle of it.
  const isSerial = os?.spec?.executionmode === 'serial'
  const isBatchOpen = isSerial && (!mayClaim || rolloutOf(os)?.batchOpen === true)
  const [label] = labelsOf(node).filter((each) => each !== LABELS.serial || !isBatchOpen)
  if (label !== undefined) return `the label ${label} is left on ${name}`
  return markOf(node) === undefined ? undefined : `our cordon is left on ${name}`
}

function leftOnOs(os: Os | undefined): string | undefined {
  const claims = claimsOf(os)
  return claims.length === 0 ? undefined : `the claim on ${claims[0]?.node} is left`
}

/** Without the right to write a record, the verdicts of proxies are the record. */
function isHalted(os: Os, world: World): boolean {
  if (!world.mayClaim) return world.instances.some((instance) => hasFailed(os, instance))
  const failed = failuresOf(os).filter(({ outcome }) => outcome !== 'Skipped')
  return failed.length >= (os.spec?.rollout?.maxFailures ?? 1)
}

/** Of the image that is asked for, now or earlier. */
function failuresOf(os: Os): NodeFailure[] {
  const record = rolloutOf(os)
  const all = record === undefined ? [] : [record, ...(record.earlier ?? [])]
  return all.filter(({ image }) => isSameImage(image, imageOf(os))).flatMap((each) => each.failures)
}

function hasFailed(os: Os, instance: OsInstance | undefined): boolean {
  const verdict = verdictOf(instance)
  if (verdict === undefined || !isSameImage(verdict.image, imageOf(os))) return false
  return verdict.outcome !== 'Succeeded' && verdict.outcome !== 'Aborted'
}

function unfinished(os: Os, node: Node, world: World): string | undefined {
  const { name } = node.metadata
  const runs = node.status?.nodeInfo?.osImage
  if (runs === os.spec?.osversion) return undefined
  const instance = world.instance(name)
  const isRecorded = failuresOf(os).some((failure) => failure.node === name)
  const isExplained = isRecorded || hasFailed(os, instance)
  if (isExplained) return undefined
  return `${name} runs ${runs}, ${os.spec?.osversion} is asked for, and nothing happens`
}
