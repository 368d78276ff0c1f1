// JSON records that we keep in annotations (decisions 3 to 10): small, versionless, every reader
// ignores members it does not know. Status mirrors them and is never read back as truth.

/**
 * Identity of an image in halts, counts and denials (decision 5). Digest is lower-case hex without
 * prefix.
 */
export interface ImageIdentity {
  digest: string
  version: string
}

/**
 * A node's place within the cap, taken by one conditional write on the OS object before anything
 * else.
 */
export interface Claim {
  /** Unique id; also the operation id that the proxy and the agent use. */
  id: string
  node: string
  nodeUid: string
  /** UID of the OS object; a claim with a foreign one is dropped (re-applied YAML). */
  osUid: string
  operation: 'upgrade' | 'rollback' | 'config'
  /** Whether the node was unschedulable when it was claimed. */
  wasUnschedulable: boolean
  /** Boot id when claimed, to recognise reboots made by upstream's proxy (decision 10). */
  bootId: string
  /** RFC 3339. */
  at: string
  image: ImageIdentity
  /** Who drains (decision 7). @defaultValue 'proxy' */
  drain?: 'proxy' | 'operator'
  /** Grant of a person for a further trial (decision 5). */
  attempt?: string
  /** Version of the settings that a `config` operation applies. */
  settings?: string
}

/** How an operation on a node ended. */
export type VerdictOutcome =
  | 'Succeeded'
  /** The trial did not pass and the node returned to its old slot. */
  | 'FellBack'
  /** It failed before anything was armed and will not be repeated without a change. */
  | 'Failed'
  /** Drain policy `Skip`: given up for this OS. */
  | 'Skipped'
  /** OS deleted or changed before Armed. */
  | 'Aborted'

/** The proxy's last word on an operation. */
export interface Verdict {
  /** Claim id, or the operation id of an operation without a claim. */
  id: string
  image: ImageIdentity
  operation: 'upgrade' | 'rollback' | 'config'
  outcome: VerdictOutcome
  /** One CamelCase word, for example `TrialUnhealthy`. */
  reason: string
  message: string
  /** RFC 3339. */
  at: string
}

/** Phase of an operation on a node, in the order in which it is passed. */
export type OperationPhase =
  | 'Configuring'
  | 'Preparing'
  | 'SlotVerified'
  | 'Draining'
  | 'Drained'
  | 'Armed'
  | 'Trial'
  | 'Finishing'

/** What the proxy is doing, durable. */
export interface OperationRecord {
  id: string
  type: 'upgrade' | 'rollback' | 'config'
  image: ImageIdentity
  phase: OperationPhase
  /** RFC 3339: start of this phase. */
  since: string
  /** Boot id before arming; a different one means the reboot happened. */
  bootId?: string
  attempt?: string
  /**
   * Somebody else's half-finished work was taken over: its cordon is lifted at the end (decision
   * 8).
   */
  adopted?: boolean
  /**
   * How often the drain's deadline passed under policy `Stop`; above 0, dry runs come before the
   * next cordon.
   */
  drainStops?: number
  /**
   * RFC 3339: written with `idle`; the next assignment is another operation, whatever claim is
   * stamped.
   */
  endedAt?: string
}

/** A node's failure, kept with the OS object. */
export interface NodeFailure {
  node: string
  nodeUid: string
  claim: string
  outcome: 'FellBack' | 'Failed' | 'Skipped'
  reason: string
  message: string
  at: string
  /**
   * Fingerprint of the request that failed; a failure before arming is forgiven when it changes.
   */
  fingerprint?: string
  /** Token of the grant under which it failed; another grant forgives it. */
  attempt?: string
}

/**
 * Failures of an image that was asked for earlier; they count again when it comes back (decision
 * 5).
 */
export interface EarlierRollout {
  image: ImageIdentity
  operation?: Claim['operation']
  settings?: string
  failures: NodeFailure[]
}

/** What happened to the current image; a record of another image is replaced (decision 5). */
export interface RolloutRecord {
  image: ImageIdentity
  operation?: Claim['operation']
  /** Version of the settings, for `config`. */
  settings?: string
  startedAt: string
  failures: NodeFailure[]
  /** Serial mode: a batch is open, so serial labels are of this rollout and not leftovers. */
  batchOpen?: boolean
  /** At most 10, newest first. */
  earlier?: EarlierRollout[]
  /** Set when failures reached `maxFailures`. */
  halted?: { reason: string; message: string; at: string }
  finishedAt?: string
}

/** One earlier rollout. */
export interface HistoryEntry {
  image: ImageIdentity
  operation: 'upgrade' | 'rollback' | 'config'
  startedAt: string
  finishedAt?: string
  outcome: 'Succeeded' | 'Halted' | 'Replaced'
  nodes: number
  failed: number
}

/** A person's leave to try an image again. Nodes empty or absent means every node. */
export interface AttemptGrant {
  token: string
  image: ImageIdentity
  nodes?: string[]
  at: string
}

/** A slot was booted by hand (decision 22). */
export interface ManualHold {
  osUid: string
  osGeneration: number
  version: string
  at: string
}

/**
 * Reads a record from an annotation.
 *
 * @returns `undefined` when absent or not JSON of an object or array: broken annotations never stop
 * a controller.
 */
export function parseRecord<T extends object>(text: string | undefined): T | undefined {
  if (text === undefined || text === '') return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as T) : undefined
  } catch {
    return undefined
  }
}

/**
 * Identity of the image that an OS object asks for: documented `checksum`, lower case, without
 * `sha256:`.
 */
export function imageIdentity(checksum: string | undefined, osVersion: string): ImageIdentity {
  return { digest: (checksum ?? '').toLowerCase().replace(/^sha256:/, ''), version: osVersion }
}
