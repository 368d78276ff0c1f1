// Group, labels, annotations and reserved words of the OS API (contract 1.1 to 1.6, decisions 3 to
// 10).

export const OS_GROUP = 'upgrade.openeuler.org'
export const OS_VERSION = 'v1alpha1'
export const OS_API_VERSION = `${OS_GROUP}/${OS_VERSION}`

/** OSInstances always live here (contract 1.1). */
export const OS_INSTANCE_NAMESPACE = 'default'

/** Documented labels. */
export const LABELS = {
  upgrading: 'upgrade.openeuler.org/upgrading',
  configuring: 'upgrade.openeuler.org/configuring',
  serial: 'upgrade.openeuler.org/serial',
  nodeSelector: 'upgrade.openeuler.org/node-selector',
  osInstanceNode: 'upgrade.openeuler.org/osinstance-node',
  controlPlane: 'node-role.kubernetes.io/control-plane',
} as const

/** Reserved values of `spec.nodeselector`. */
export const NODE_SELECTOR_NO_LABEL = 'no-label'
export const NODE_SELECTOR_ALL = 'all-label'

/** Prefix of every annotation we write. */
export const ANNOTATION_PREFIX = 'kubenest.io/'

/** On OS objects: written by the operator; the durable truth of a rollout (decision 3). */
export const OS_ANNOTATIONS = {
  /** {@link Claim} list, JSON. */
  claims: 'kubenest.io/claims',
  /** {@link RolloutRecord} JSON: failures, skips, halt of the current image. */
  rollout: 'kubenest.io/rollout',
  /** {@link HistoryEntry} list, JSON, newest first, at most 10. */
  history: 'kubenest.io/history',
  /**
   * RFC 3339: start of the last batch (parallel) or end of it (serial); survives operator restarts.
   */
  lastBatch: 'kubenest.io/last-batch',
  /**
   * {@link AttemptGrant} JSON: a person allowed one more trial of an image (`kubectl os allow`).
   */
  attempt: 'kubenest.io/attempt',
} as const

/** On OSInstances. */
export const OS_INSTANCE_ANNOTATIONS = {
  /** Claim id, stamped by the operator in the write that assigns the node. */
  claim: 'kubenest.io/claim',
  /** {@link OperationRecord} JSON, written by the proxy: what is done, and how far. */
  operation: 'kubenest.io/operation',
  /**
   * {@link Verdict} JSON, written by the proxy when an operation ends; kept until the next one
   * ends.
   */
  verdict: 'kubenest.io/verdict',
  /**
   * {@link ManualHold} JSON: a person booted another slot by hand; respected until the OS object
   * changes.
   */
  hold: 'kubenest.io/hold',
} as const

/** On Nodes. */
export const NODE_ANNOTATIONS = {
  /**
   * Operation id; set in the same patch as `unschedulable: true` and removed with it (decision 8).
   */
  cordonedBy: 'kubenest.io/cordoned-by',
} as const

/** Limits of decision 4. */
export const CLAIMS_MAX = 1000
export const HISTORY_MAX = 10
export const ANNOTATION_BYTES_MAX = 128 * 1024
