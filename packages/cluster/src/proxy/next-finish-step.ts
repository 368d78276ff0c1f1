// The end of an operation, in the order of decision 8: sysconfigs, uncordon (only ours), OSInstance
// idle, label last. A failure's verdict is durable before this begins; a success is read off the
// node.
import type { Os } from '@kubenest/api/os/os'
import type { ImageIdentity, OperationRecord, Verdict } from '@kubenest/api/os/records'
import { applySettings } from './apply-settings.ts'
import type { Facts, Subject } from './facts.ts'
import {
  claimIdOf,
  findAttempt,
  isSameImage,
  readVerdict,
  timestamp,
  verdictOn,
  wantedImage,
} from './operation-record.ts'
import { openOperation } from './open-operation.ts'
import type { ConfigKind, Step } from './step.ts'
import { mayUncordon, needsConfigure, osImageOf, settingsChanged } from './subject.ts'

type Finishing = Subject & { readonly operation: OperationRecord }

/** Ends an operation whose outcome is settled. */
export function nextFinishStep(facts: Facts, finishing: Finishing, nowMs: number): Step {
  const { node, instance, operation } = finishing
  const verdict = readVerdict(instance)
  const settled = verdict?.id === operation.id ? verdict : undefined
  const isSuccess = settled === undefined && osImageOf(node) === operation.image.version
  if (isSuccess && needsConfigure(instance, 'sysconfigs')) {
    return applySettings(facts, { instance, operation, kind: 'sysconfigs' }, nowMs)
  }
  if (mayUncordon(node, operation)) return { do: 'uncordon' }
  if (settled !== undefined && keepsPlace(settled) && claimIdOf(instance) === undefined) {
    return keepPlace(facts, finishing, settled, nowMs)
  }
  const ending = settled ?? (isSuccess ? succeeded(operation, nowMs) : overtaken(operation, nowMs))
  return { do: 'idle', operation: { ...operation, endedAt: timestamp(nowMs) }, verdict: ending }
}

/**
 * Rows 4 and 10: the settings changed; back to idle, the operator assigns again with the new ones.
 */
export function release(
  facts: Facts,
  begun: Subject & { readonly operation: OperationRecord | undefined; readonly os: Os },
  kind: ConfigKind,
  nowMs: number,
): Step {
  const operation = begun.operation ?? openOperation(facts, begun, nowMs)
  if (mayUncordon(begun.node, operation)) return { do: 'uncordon' }
  const verdict = verdictOn(operation, 'Aborted', {
    reason: 'SettingsChanged',
    message: `spec.${kind}.version changed; the node is assigned again with the new settings`,
    nowMs,
  })
  return { do: 'idle', operation: { ...operation, endedAt: timestamp(nowMs) }, verdict }
}

/**
 * Row 7 seen for the first time: only settings are left to do, upstream's proxy did the rest, or
 * the OS object went back to what the node runs. The operation then is what is asked for now, so
 * that its settings are applied.
 */
export function openFinished(
  facts: Facts,
  begun: Subject & { readonly operation: OperationRecord | undefined; readonly os: Os },
  nowMs: number,
): OperationRecord {
  const operation = begun.operation ?? openOperation(facts, begun, nowMs)
  const { os } = begun
  const type = os.spec?.opstype ?? operation.type
  return {
    ...operation,
    type,
    image: wantedImage(os),
    phase: 'Finishing',
    since: timestamp(nowMs),
  }
}

function succeeded(operation: OperationRecord, nowMs: number): Verdict {
  const message =
    operation.type === 'config'
      ? 'The settings are applied'
      : `The node runs "${operation.image.version}"`
  return verdictOn(operation, 'Succeeded', { reason: 'Committed', message, nowMs })
}

function overtaken(operation: OperationRecord, nowMs: number): Verdict {
  const message = `The OS object wants another version than "${operation.image.version}" by now`
  return verdictOn(operation, 'Aborted', { reason: 'TargetChanged', message, nowMs })
}

function keepsPlace(verdict: Verdict): boolean {
  return (
    verdict.outcome === 'Failed' || verdict.outcome === 'FellBack' || verdict.outcome === 'Skipped'
  )
}

/**
 * Decision 10: without a claim of ours, label and nodestatus stay, so that upstream's operator
 * counts the node as busy and does not assign it again each 15 s. A change of the OS object begins
 * anew.
 */
function keepPlace(facts: Facts, finishing: Finishing, verdict: Verdict, nowMs: number): Step {
  if (facts.os.state === 'present') {
    const { os } = facts.os
    const wanted = {
      image: wantedImage(os),
      type: os.spec?.opstype,
      attempt: findAttempt(os, finishing.instance),
    }
    if (isOtherWork(finishing.operation, wanted)) {
      return { do: 'record', operation: openOperation(facts, { ...finishing, os }, nowMs) }
    }
    if (settingsChanged(os, finishing.instance, 'upgradeconfigs')) {
      return release(facts, { ...finishing, os }, 'upgradeconfigs', nowMs)
    }
  }
  return {
    do: 'rest',
    reason: verdict.reason,
    message: `${verdict.message}. The node keeps its place until the OS object changes`,
  }
}

/** The OS object asks for something else than this operation. */
export function isOtherWork(
  operation: OperationRecord,
  wanted: { image: ImageIdentity; type: string | undefined; attempt: string | undefined },
): boolean {
  return (
    !isSameImage(operation.image, wanted.image) ||
    operation.type !== wanted.type ||
    operation.attempt !== wanted.attempt
  )
}
