// The proxy's decision: what to do next for this node. Pure; the rows are those of contract 3.3,
// with the recommendations of 10 (X9, X10) and decisions 8 to 10. First matching row wins.
import { LABELS } from '@kubenest/api/os/names'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { OperationRecord, Verdict } from '@kubenest/api/os/records'
import { OsError } from '@kubenest/base/errors'
import { swapGrubEntries } from '../operator/assign-instance.ts'
import { applySettings } from './apply-settings.ts'
import type { Facts, Subject } from './facts.ts'
import { nextArmedStep } from './next-armed-step.ts'
import { nextFinishStep, openFinished, release } from './next-finish-step.ts'
import { nextIdleStep } from './next-idle-step.ts'
import { nextOperationStep } from './next-operation-step.ts'
import { openOperation } from './open-operation.ts'
import {
  claimIdOf,
  currentOperation,
  readVerdict,
  timestamp,
  verdictOn,
} from './operation-record.ts'
import type { Step } from './step.ts'
import {
  hasLabel,
  isCordonedByUs,
  isForeignCordon,
  isIdle,
  mayUncordon,
  needsConfigure,
  osImageOf,
  ownerOf,
  settingsChanged,
  workLabel,
} from './subject.ts'

const LOADING_MS = 1000

/** The next step for this node. Repeating it with the same facts gives the same step. */
export function nextStep(facts: Facts, nowMs: number): Step {
  const { node, instance } = facts
  if (node === undefined) return fail('blocked', 'node-missing', 'the Node does not exist yet')
  if (instance === undefined) return { do: 'ensureInstance' }
  const subject = { node, instance }
  if (ownerOf(instance) === undefined) return nextIdleStep(facts, subject)
  if (node.status?.nodeInfo === undefined) {
    return fail('transient', 'node-without-info', 'the kubelet has not reported the node yet')
  }
  if (facts.os.state === 'loading') {
    return wait('OsLoading', 'The OS object is being read', nowMs + LOADING_MS)
  }
  return nextOwnedStep(facts, subject, nowMs)
}

/**
 * What was begun is ended first: once armed, the outcome counts, whatever the OS object says by
 * now.
 */
function nextOwnedStep(facts: Facts, subject: Subject, nowMs: number): Step {
  const operation = currentOperation(subject.instance)
  if (operation?.phase === 'Armed' || operation?.phase === 'Trial') {
    return nextArmedStep(facts, { ...subject, operation }, nowMs)
  }
  if (facts.os.state !== 'present') return abort(facts, { ...subject, operation }, nowMs)
  const { os } = facts.os
  if (operation?.phase === 'Finishing' && readVerdict(subject.instance)?.id === operation.id) {
    return nextFinishStep(facts, { ...subject, operation }, nowMs)
  }
  const begun = { ...subject, operation, os }
  return osImageOf(subject.node) === os.spec?.osversion
    ? nextStepAtTarget(facts, begun, nowMs)
    : nextStepOffTarget(facts, begun, nowMs)
}

type Begun = Subject & { readonly operation: OperationRecord | undefined }
type BegunWithOs = Begun & { readonly os: Os }

/** Rows 4 to 8: the node runs what the OS object wants. */
function nextStepAtTarget(facts: Facts, begun: BegunWithOs, nowMs: number): Step {
  const { node, instance, operation, os } = begun
  const status = instance.spec?.nodestatus
  if (settingsChanged(os, instance, 'sysconfigs')) {
    if (status === 'config') return release(facts, begun, 'sysconfigs', nowMs)
    if (status === 'upgrade') {
      return { do: 'replaceSysconfigs', sysconfigs: swapGrubEntries(os.spec?.sysconfigs) }
    }
  }
  const label = workLabel(node)
  if (isIdle(instance)) {
    return label === undefined ? { do: 'rest' } : clearLeftovers(facts, begun, label)
  }
  if (operation?.phase === 'Finishing') {
    return nextFinishStep(facts, { node, instance, operation }, nowMs)
  }
  if (label === undefined) return waitForLabel()
  return { do: 'record', operation: openFinished(facts, begun, nowMs) }
}

/** Rows 9 to 13: the node runs something else. */
function nextStepOffTarget(facts: Facts, begun: BegunWithOs, nowMs: number): Step {
  const { node, instance, operation, os } = begun
  if (operation?.phase === 'Finishing') {
    return nextFinishStep(facts, { node, instance, operation }, nowMs)
  }
  if (os.spec?.opstype === 'config') {
    // Edited in the middle of an upgrade: nobody drains for that any more.
    if (mayUncordon(node, operation)) return { do: 'uncordon' }
    // Recorded first, so that the refusal is told under this operation, on the OS object, too.
    if (operation === undefined && workLabel(node) !== undefined && !isIdle(instance)) {
      return { do: 'record', operation: openOperation(facts, { node, instance, os }, nowMs) }
    }
    return fail(
      'invalid',
      'upgrade-first',
      `the node runs "${osImageOf(node)}", spec.osversion is "${os.spec.osversion ?? ''}"; upgrade first, or correct spec.osversion`,
    )
  }
  if (!isIdle(instance) && settingsChanged(os, instance, 'upgradeconfigs')) {
    return release(facts, begun, 'upgradeconfigs', nowMs)
  }
  if (!hasLabel(node, LABELS.upgrading)) return waitForLabel()
  if (isIdle(instance)) return clearLeftovers(facts, begun, LABELS.upgrading)
  if (operation !== undefined && needsConfigure(instance, 'upgradeconfigs')) {
    return applySettings(facts, { instance, operation, kind: 'upgradeconfigs' }, nowMs)
  }
  return nextOperationStep(facts, { node, instance, operation, os }, nowMs)
}

/** Rows 6 and 11: marked, yet the OSInstance is idle. The instance stays as it is. */
function clearLeftovers(facts: Facts, subject: Subject, label: string): Step {
  if (!facts.isInstanceFresh) return { do: 'refreshInstance' }
  if (isCordonedByUs(subject.node) || isForeignCordon(subject)) return { do: 'uncordon' }
  return { do: 'removeLabel', label }
}

/** Decision 9: the OS object is gone. Before Armed nothing was done that cannot be taken back. */
function abort(facts: Facts, begun: Begun, nowMs: number): Step {
  const { node, instance } = begun
  const operation = begun.operation ?? nameless(facts, instance, nowMs)
  if (mayUncordon(node, operation)) return { do: 'uncordon' }
  const known = readVerdict(instance)
  const verdict = known?.id === operation.id ? known : verdictWithoutOs(begun, operation, nowMs)
  return { do: 'idle', operation: { ...operation, endedAt: timestamp(nowMs) }, verdict }
}

function verdictWithoutOs(subject: Subject, operation: OperationRecord, nowMs: number): Verdict {
  if (operation.type === 'config') return configVerdictWithoutOs(subject, operation, nowMs)
  const { version } = operation.image
  if (operation.phase === 'Finishing' && osImageOf(subject.node) === version) {
    const message = `The node runs "${version}"; the OS object is gone, its sysconfigs were left out`
    return verdictOn(operation, 'Succeeded', { reason: 'Committed', message, nowMs })
  }
  const message = 'The OS object was deleted before the node was armed'
  return verdictOn(operation, 'Aborted', { reason: 'OsDeleted', message, nowMs })
}

/** The version says nothing here: the node ran it all the time. */
function configVerdictWithoutOs(
  { instance }: Subject,
  operation: OperationRecord,
  nowMs: number,
): Verdict {
  if (operation.phase === 'Finishing' && !needsConfigure(instance, 'sysconfigs')) {
    const message = 'The settings are applied; the OS object is gone'
    return verdictOn(operation, 'Succeeded', { reason: 'Committed', message, nowMs })
  }
  const message = 'The OS object was deleted before its settings were applied'
  return verdictOn(operation, 'Aborted', { reason: 'OsDeleted', message, nowMs })
}

/** An assignment that was never begun, and whose OS object cannot be asked any more. */
function nameless(facts: Facts, instance: OsInstance, nowMs: number): OperationRecord {
  return {
    id: claimIdOf(instance) ?? facts.freshId,
    type: instance.spec?.nodestatus === 'config' ? 'config' : 'upgrade',
    image: { digest: '', version: '' },
    phase: 'Configuring',
    since: timestamp(nowMs),
  }
}

function waitForLabel(): Step {
  return {
    do: 'rest',
    reason: 'WaitingForLabel',
    message: 'Assigned; the operator has not labelled the node yet',
  }
}

function wait(reason: string, message: string, untilMs: number): Step {
  return { do: 'wait', reason, message, untilMs }
}

function fail(kind: 'invalid' | 'blocked' | 'transient', code: string, why: string): Step {
  return { do: 'fail', error: new OsError(kind, { code, message: `Cannot go on: ${why}` }) }
}
