// The sentences of the status: plain English that names the object and what to do. They hold no
// running times, so that an unchanged situation gives an unchanged status. Pure.
import type { NodeFailure, OperationPhase } from '@kubenest/api/os/records'
import type { OsFacts } from './facts.ts'
import { FAILURES_KEPT_MAX } from './rollout-record.ts'

const NAMES_SHOWN_MAX = 3

/** `1 node`, `2 nodes`. */
export function nodeCount(count: number): string {
  return count === 1 ? '1 node' : `${count} nodes`
}

/** `a, b, c and 4 more`. */
export function nameList(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ')
  return names.length > NAMES_SHOWN_MAX
    ? `${shown} and ${names.length - NAMES_SHOWN_MAX} more`
    : shown
}

export function sameSelectorSentence(
  selector: string,
  names: readonly string[],
  count: number,
): string {
  const more = count > names.length ? ` and ${count - names.length} more` : ''
  return `The node selector ${JSON.stringify(selector)} is also used by ${names.join(', ')}${more}; none of them starts anything. Give each OS object its own selector, or delete all but one.`
}

export function overlapSentence(otherKey: string, node: string): string {
  return `Node ${node} is also selected by the older object ${otherKey}, and one of the two selects all-label; this object starts nothing. Delete one of them, or narrow a selector.`
}

export function haltSentence(os: OsFacts, failed: readonly NodeFailure[], total: number): string {
  const nodes = failed.map(({ node }) => node)
  const last = failed.at(-1)
  return `${failed.length} of ${nodeCount(total)} failed with ${what(os)} (${nameList(nodes)}; last: ${last?.reason ?? ''}: ${last?.message ?? ''}), and ${haltLimit(os)}. No further node starts. Ask for another image, or allow one more trial: kubectl os allow ${os.name} -n ${os.namespace}.`
}

function haltLimit(os: OsFacts): string {
  return os.maxFailures > FAILURES_KEPT_MAX
    ? `a rollout halts at ${FAILURES_KEPT_MAX} failures at the latest`
    : `maxFailures is ${os.maxFailures}`
}

/** What is rolled out. */
export function what(os: OsFacts): string {
  return os.operation === 'config'
    ? `the settings ${JSON.stringify(os.systemSettings?.version ?? '')}`
    : os.targetVersion
}

export function windowSentence(
  window: { start: string; end: string } | undefined,
  opensMs: number | undefined,
): string {
  const bounds = `${window?.start ?? ''} to ${window?.end ?? ''}, local time of the operator`
  return opensMs === undefined
    ? `The time window (${bounds}) is over and does not open again. Set a new spec.timewindow.`
    : `The time window (${bounds}) is closed; it opens at ${instant(opensMs)}.`
}

export function intervalSentence(seconds: number, untilMs: number): string {
  return `spec.timeinterval asks for a pause of ${seconds} s between batches; the next one starts at ${instant(untilMs)}.`
}

export function noNodesSentence(selector: string): string {
  return `No node is selected by ${JSON.stringify(selector)} (control-plane nodes are never selected). Label nodes with upgrade.openeuler.org/node-selector, or change spec.nodeselector.`
}

export function noClaimRightSentence(): string {
  return 'The operator may not patch OS objects, so it cannot record claims and works on one node at a time. Grant the verb patch on os.upgrade.openeuler.org.'
}

/** Milliseconds as RFC 3339 in whole seconds. */
export function instant(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z')
}

/** Sentence for a phase that our proxy reports. */
export const PHASE_SENTENCES: Readonly<Record<OperationPhase, string>> = {
  Configuring: 'Settings are being applied.',
  Preparing: 'The image is being downloaded and verified; pods keep running.',
  SlotVerified: 'The image is verified in the standby slot; the drain is next.',
  Draining:
    'Pods are being evicted. If this lasts, see the OSInstance for the pod and budget that block.',
  Drained: 'The node is drained; the reboot is next.',
  Armed: 'The node reboots into the new slot.',
  Trial: 'The new slot is on trial until its health gate passes.',
  Finishing: 'The operation is being finished.',
}
