// The durable record of what the proxy does: which operation an assignment belongs to, and its
// phases.
import type { Os, OsInstance } from '@kubenest/api/os/os'
import { OS_ANNOTATIONS, OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import {
  imageIdentity,
  parseRecord,
  type AttemptGrant,
  type Claim,
  type ImageIdentity,
  type ManualHold,
  type OperationPhase,
  type OperationRecord,
  type Verdict,
  type VerdictOutcome,
} from '@kubenest/api/os/records'

/** Record of the last or running operation. */
export function readOperation(instance: OsInstance): OperationRecord | undefined {
  return parseRecord<OperationRecord>(annotation(instance, OS_INSTANCE_ANNOTATIONS.operation))
}

/** Verdict on the last operation. */
export function readVerdict(instance: OsInstance): Verdict | undefined {
  return parseRecord<Verdict>(annotation(instance, OS_INSTANCE_ANNOTATIONS.verdict))
}

/** A slot booted by hand, respected until the OS object changes. */
export function readHold(instance: OsInstance): ManualHold | undefined {
  return parseRecord<ManualHold>(annotation(instance, OS_INSTANCE_ANNOTATIONS.hold))
}

/** Claim id of this assignment; a stamp whose operation has ended belongs to an earlier one. */
export function claimIdOf(instance: OsInstance): string | undefined {
  const stamp = annotation(instance, OS_INSTANCE_ANNOTATIONS.claim)
  if (stamp === undefined || stamp === '') return undefined
  const record = readOperation(instance)
  return record?.id === stamp && record.endedAt !== undefined ? undefined : stamp
}

/**
 * The operation of this assignment, when it was begun; an ended one belongs to an earlier
 * assignment.
 */
export function currentOperation(instance: OsInstance): OperationRecord | undefined {
  const record = readOperation(instance)
  if (record === undefined || record.endedAt !== undefined) return undefined
  const claimId = claimIdOf(instance)
  return claimId === undefined || claimId === record.id ? record : undefined
}

/** The claim's entry on the OS object, which may be missing where the operator may not write it. */
export function findClaim(os: Os, claimId: string | undefined): Claim | undefined {
  if (claimId === undefined) return undefined
  const claims = parseRecord<Claim[]>(os.metadata.annotations?.[OS_ANNOTATIONS.claims])
  return Array.isArray(claims) ? claims.find((claim) => claim.id === claimId) : undefined
}

/** A person's leave for a further trial of this image on this node (decision 5). */
export function findAttempt(os: Os, instance: OsInstance): string | undefined {
  const claim = findClaim(os, claimIdOf(instance))
  // A leave that was given after the claim is for those that failed; this node goes on undisturbed.
  if (claim !== undefined) return claim.attempt
  const grant = parseRecord<AttemptGrant>(os.metadata.annotations?.[OS_ANNOTATIONS.attempt])
  if (grant?.image === undefined || !isSameImage(grant.image, wantedImage(os))) return undefined
  const nodes = grant.nodes ?? []
  return nodes.length === 0 || nodes.includes(instance.metadata.name) ? grant.token : undefined
}

/** Identity of the image that the OS object asks for. */
export function wantedImage(os: Os): ImageIdentity {
  return imageIdentity(os.spec?.checksum, os.spec?.osversion ?? '')
}

export function isSameImage(a: ImageIdentity, b: ImageIdentity): boolean {
  return a.digest === b.digest && a.version === b.version
}

/** The record in another phase. */
export function inPhase(
  record: OperationRecord,
  phase: OperationPhase,
  nowMs: number,
): OperationRecord {
  return { ...record, phase, since: timestamp(nowMs) }
}

/** When the record's phase began, milliseconds; now when the text is broken. */
export function phaseStartMs(record: OperationRecord, nowMs: number): number {
  const start = Date.parse(record.since)
  return Number.isNaN(start) ? nowMs : Math.min(start, nowMs)
}

/** The last word on an operation. */
export function verdictOn(
  record: OperationRecord,
  outcome: VerdictOutcome,
  detail: { reason: string; message: string; nowMs: number },
): Verdict {
  return {
    id: record.id,
    image: record.image,
    operation: record.type,
    outcome,
    reason: detail.reason,
    message: detail.message,
    at: timestamp(detail.nowMs),
  }
}

/** RFC 3339 with seconds, as Kubernetes writes times. */
export function timestamp(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19)}Z`
}

function annotation(instance: OsInstance, key: string): string | undefined {
  return instance.metadata.annotations?.[key]
}
