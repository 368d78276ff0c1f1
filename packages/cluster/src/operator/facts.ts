// What the planner knows: typed facts taken from caches. The only place where wire names of OS,
// Node and OSInstance become the inner words; it never decides anything.
import type { Node } from '@kubenest/api/core/objects'
import {
  LABELS,
  NODE_ANNOTATIONS,
  NODE_SELECTOR_NO_LABEL,
  OS_ANNOTATIONS,
  OS_INSTANCE_ANNOTATIONS,
} from '@kubenest/api/os/names'
import type { Configs, Os, OsInstance, OsSpec } from '@kubenest/api/os/os'
import {
  imageIdentity,
  parseRecord,
  type AttemptGrant,
  type Claim,
  type HistoryEntry,
  type ImageIdentity,
  type ManualHold,
  type OperationRecord,
  type RolloutRecord,
  type Verdict,
} from '@kubenest/api/os/records'

export const INTERVAL_DEFAULT_SECONDS = 15
const DRAIN_TIMEOUT_DEFAULT_SECONDS = 900
const HEALTH_DEADLINE_DEFAULT_SECONDS = 900

/**
 * What an OS object asks for; words that can be nonsense stay text until `validate-os.ts` has
 * looked.
 */
export interface OsFacts {
  key: string
  namespace: string
  name: string
  uid: string
  generation: number
  resourceVersion: string
  createdAt: string
  deleting: boolean
  operation: string
  targetVersion: string
  image: ImageIdentity
  nodeSelector: string
  mode: string
  maxUnavailable: number | string
  /** Which field holds the cap, for messages. */
  maxUnavailableField: 'maxunavailable' | 'rollout.maxUnavailable'
  maxFailures: number
  /** Settings restart kubelet and containerd: one node at a time. */
  restartsServices: boolean
  paused: boolean
  intervalSeconds: number
  window: { start: string; end: string } | undefined
  drainTimeoutMs: number
  healthDeadlineMs: number
  systemSettings: Configs | undefined
  preUpgradeSettings: Configs | undefined
  source: ImageSourceFacts
  claims: Claim[]
  rollout: RolloutRecord | undefined
  history: HistoryEntry[]
  lastBatchMs: number | undefined
  attempt: AttemptGrant | undefined
  /** Fingerprint of what is done on a node; a failure before arming is forgiven when it changes. */
  fingerprint: string
}

/** Where the image comes from. */
export interface ImageSourceFacts {
  type: string
  url: string
  containerImage: string
  checksum: string
  allowsHttp: boolean
  mtls: boolean
  caCert: string
  clientCert: string
  clientKey: string
}

/** A node as the planner sees it. */
export interface NodeFacts {
  name: string
  uid: string
  isControlPlane: boolean
  /** `undefined` when the label is absent, which is not the same as empty. */
  selectorLabel: string | undefined
  isUpgrading: boolean
  isConfiguring: boolean
  isSerial: boolean
  isUnschedulable: boolean
  cordonedBy: string | undefined
  osVersion: string
  bootId: string
  /** True also when the node reports no Ready condition at all. */
  isReady: boolean
}

/** An OSInstance as the planner sees it. */
export interface InstanceFacts {
  namespace: string
  name: string
  uid: string
  resourceVersion: string
  isIdle: boolean
  nodeStatus: string
  /** `namespace/name` of the OS object that owns the node. */
  owner: string | undefined
  claim: string | undefined
  operation: OperationRecord | undefined
  verdict: Verdict | undefined
  hold: ManualHold | undefined
  systemSettingsVersion: string
  preUpgradeSettingsVersion: string
  appliedSettingsVersion: string
  /** The proxy's last sentence on the running operation. */
  message: string | undefined
  lastError: string | undefined
}

/** Everything a plan for one OS object rests on. */
export interface RolloutFacts {
  os: OsFacts
  /** All other OS objects that are not being deleted. */
  others: OsFacts[]
  nodes: NodeFacts[]
  /** By node name: in `default` first, then in the namespace of the OS (contract X8). */
  instances: ReadonlyMap<string, InstanceFacts>
  /** Seconds-precise local time offset, for the window. */
  offsetSecondsAt: (epochSeconds: number) => number
  /** False after the API server refused `patch` on OS objects (decision 4). */
  mayClaim: boolean
  /** When this process first saw a situation, by key. */
  firstSeenMs: (key: string) => number | undefined
}

/** Converts an OS object. */
export function osFacts(os: Os): OsFacts {
  const { metadata } = os
  const spec = os.spec ?? {}
  const annotations = metadata.annotations ?? {}
  const namespace = metadata.namespace ?? ''
  return {
    key: `${namespace}/${metadata.name}`,
    namespace,
    name: metadata.name,
    uid: metadata.uid ?? '',
    generation: metadata.generation ?? 0,
    resourceVersion: metadata.resourceVersion ?? '',
    createdAt: metadata.creationTimestamp ?? '',
    deleting: metadata.deletionTimestamp !== undefined,
    ...wishes(spec),
    claims: claimList(annotations[OS_ANNOTATIONS.claims]),
    rollout: rolloutRecord(annotations[OS_ANNOTATIONS.rollout]),
    history: recordList<HistoryEntry>(annotations[OS_ANNOTATIONS.history]),
    lastBatchMs: timeMs(annotations[OS_ANNOTATIONS.lastBatch]),
    attempt: attemptGrant(annotations[OS_ANNOTATIONS.attempt]),
  }
}

function wishes(spec: OsSpec) {
  const { rollout } = spec
  const own = rollout?.maxUnavailable
  return {
    operation: word(spec.opstype),
    targetVersion: spec.osversion ?? '',
    image: imageIdentity(spec.checksum, spec.osversion ?? ''),
    nodeSelector: spec.nodeselector ?? NODE_SELECTOR_NO_LABEL,
    mode: modeOf(spec),
    maxUnavailable: own ?? spec.maxunavailable ?? 0,
    maxUnavailableField:
      own === undefined ? ('maxunavailable' as const) : ('rollout.maxUnavailable' as const),
    maxFailures: rollout?.maxFailures ?? 1,
    restartsServices: spec.opstype === 'config' && rollout?.restartServices === true,
    paused: rollout?.paused ?? false,
    intervalSeconds: spec.timeinterval ?? INTERVAL_DEFAULT_SECONDS,
    window:
      spec.timewindow === undefined
        ? undefined
        : { start: spec.timewindow.starttime, end: spec.timewindow.endtime },
    drainTimeoutMs: (rollout?.drain?.timeoutSeconds ?? DRAIN_TIMEOUT_DEFAULT_SECONDS) * 1000,
    healthDeadlineMs: (rollout?.health?.deadlineSeconds ?? HEALTH_DEADLINE_DEFAULT_SECONDS) * 1000,
    systemSettings: spec.sysconfigs,
    preUpgradeSettings: spec.upgradeconfigs,
    source: imageSource(spec),
    fingerprint: fingerprint(spec),
  }
}

/** The published schemas allow few words, but what is stored may be any. */
function word(text: string | undefined): string {
  return text ?? ''
}

/** Absent and empty mean parallel (contract 1.3). */
function modeOf(spec: OsSpec): string {
  const mode = word(spec.executionmode)
  return mode === '' ? 'parallel' : mode
}

function imageSource(spec: OsSpec): ImageSourceFacts {
  return {
    type: spec.imagetype ?? '',
    url: spec.imageurl ?? '',
    containerImage: spec.containerimage ?? '',
    checksum: spec.checksum ?? '',
    allowsHttp: spec.flagSafe ?? false,
    mtls: spec.mtls ?? false,
    caCert: spec.cacert ?? '',
    clientCert: spec.clientcert ?? '',
    clientKey: spec.clientkey ?? '',
  }
}

const NOT_NODE_WORK = new Set([
  'maxunavailable',
  'nodeselector',
  'timewindow',
  'timeinterval',
  'executionmode',
  'rollout',
])

/**
 * FNV-1a over the members that shape the work on a node: not caps, windows, selectors or pauses.
 */
function fingerprint(spec: OsSpec): string {
  const work = Object.entries(spec).filter(([key]) => !NOT_NODE_WORK.has(key))
  let hash = 0x811c9dc5
  for (const char of JSON.stringify(work)) {
    hash ^= char.codePointAt(0) ?? 0
    hash = Math.imul(hash, 0x01000193) >>> 0
  }
  return hash.toString(16).padStart(8, '0')
}

/** Converts a Node. */
export function nodeFacts(node: Node): NodeFacts {
  const labels = node.metadata.labels ?? {}
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
  return {
    name: node.metadata.name,
    uid: node.metadata.uid ?? '',
    isControlPlane: labels[LABELS.controlPlane] !== undefined,
    selectorLabel: labels[LABELS.nodeSelector],
    isUpgrading: labels[LABELS.upgrading] !== undefined,
    isConfiguring: labels[LABELS.configuring] !== undefined,
    isSerial: labels[LABELS.serial] !== undefined,
    isUnschedulable: node.spec?.unschedulable ?? false,
    cordonedBy: node.metadata.annotations?.[NODE_ANNOTATIONS.cordonedBy],
    osVersion: node.status?.nodeInfo?.osImage ?? '',
    bootId: node.status?.nodeInfo?.bootID ?? '',
    isReady: ready === undefined || ready.status === 'True',
  }
}

/** Converts an OSInstance. A word we do not know means busy (contract 1.4). */
export function instanceFacts(instance: OsInstance): InstanceFacts {
  const annotations = instance.metadata.annotations ?? {}
  const nodeStatus = instance.spec?.nodestatus ?? 'idle'
  const owner = instance.spec?.namespacedname
  const isOwned = (owner?.name ?? '') !== '' || (owner?.namespace ?? '') !== ''
  return {
    namespace: instance.metadata.namespace ?? '',
    name: instance.metadata.name,
    uid: instance.metadata.uid ?? '',
    resourceVersion: instance.metadata.resourceVersion ?? '',
    isIdle: nodeStatus === 'idle',
    nodeStatus,
    owner: isOwned ? `${owner?.namespace ?? ''}/${owner?.name ?? ''}` : undefined,
    claim: annotations[OS_INSTANCE_ANNOTATIONS.claim],
    operation: parseRecord<OperationRecord>(annotations[OS_INSTANCE_ANNOTATIONS.operation]),
    verdict: verdict(annotations[OS_INSTANCE_ANNOTATIONS.verdict]),
    hold: parseRecord<ManualHold>(annotations[OS_INSTANCE_ANNOTATIONS.hold]),
    systemSettingsVersion: instance.spec?.sysconfigs?.version ?? '',
    preUpgradeSettingsVersion: instance.spec?.upgradeconfigs?.version ?? '',
    appliedSettingsVersion: instance.status?.sysconfigs?.version ?? '',
    message: instance.status?.operation?.message,
    lastError: instance.status?.operation?.lastError,
  }
}

function claimList(text: string | undefined): Claim[] {
  return recordList<Claim>(text).filter(
    (claim) =>
      isText(claim?.id) && isText(claim.node) && isText(claim.nodeUid) && isText(claim.osUid),
  )
}

/** A record broken by hand reads as absent rather than stopping the controller. */
function rolloutRecord(text: string | undefined): RolloutRecord | undefined {
  const record = parseRecord<RolloutRecord>(text)
  return isText(record?.image?.version) && Array.isArray(record?.failures) ? record : undefined
}

function verdict(text: string | undefined): Verdict | undefined {
  const found = parseRecord<Verdict>(text)
  return isText(found?.id) && isText(found?.image?.version) ? found : undefined
}

function attemptGrant(text: string | undefined): AttemptGrant | undefined {
  const found = parseRecord<AttemptGrant>(text)
  return isText(found?.token) && isText(found?.image?.version) ? found : undefined
}

function recordList<T extends object>(text: string | undefined): T[] {
  const list = parseRecord<T[]>(text)
  return Array.isArray(list) ? list : []
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function timeMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
