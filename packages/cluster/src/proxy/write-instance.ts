// Writes to our OSInstance (contract 3.4): merge patches under the resource version that was
// decided on, so that a decision on old facts is refused by the API server instead of overwriting
// newer ones.
import {
  LABELS,
  OS_API_VERSION,
  OS_INSTANCE_ANNOTATIONS,
  OS_INSTANCE_NAMESPACE,
} from '@kubenest/api/os/names'
import type { Configs, OsInstance, OsInstanceStatus } from '@kubenest/api/os/os'
import type { ManualHold, OperationRecord, Verdict } from '@kubenest/api/os/records'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { OS_INSTANCES } from '@kubenest/kube/client/resources'
import type { ConfigKind } from './step.ts'

const HEAD = { apiVersion: OS_API_VERSION, kind: 'OSInstance' } as const

/** Durable records that can be written together. */
export interface Records {
  readonly operation?: OperationRecord
  readonly verdict?: Verdict
  readonly hold?: ManualHold
}

/** The node's OSInstance, as documented: label, idle, nothing else (contract 1.4). */
export function createInstance(client: KubeClient, nodeName: string): Promise<OsInstance> {
  return client.create(OS_INSTANCES, {
    ...HEAD,
    metadata: {
      name: nodeName,
      namespace: OS_INSTANCE_NAMESPACE,
      labels: { [LABELS.osInstanceNode]: nodeName },
    },
    spec: { nodestatus: 'idle' },
  })
}

export function readInstance(
  client: KubeClient,
  nodeName: string,
): Promise<OsInstance | undefined> {
  return client.get(OS_INSTANCES, { name: nodeName, namespace: OS_INSTANCE_NAMESPACE })
}

export function writeRecords(
  client: KubeClient,
  instance: OsInstance,
  records: Records,
): Promise<OsInstance> {
  return patch(client, instance, { metadata: metadataOf(instance, records) })
}

/** Idle and unowned, with the end of the operation in the same write. */
export function writeIdle(
  client: KubeClient,
  instance: OsInstance,
  records: Records,
): Promise<OsInstance> {
  return patch(client, instance, {
    metadata: metadataOf(instance, records),
    spec: {
      nodestatus: 'idle',
      namespacedname: null,
      sysconfigs: settingsPatch(instance.spec?.sysconfigs),
      upgradeconfigs: settingsPatch(instance.spec?.upgradeconfigs),
    },
  })
}

export function writeSysconfigs(
  client: KubeClient,
  instance: OsInstance,
  sysconfigs: Configs | undefined,
): Promise<OsInstance> {
  return patch(client, instance, {
    metadata: metadataOf(instance, {}),
    spec: { sysconfigs: settingsPatch(sysconfigs) },
  })
}

/** What was applied last; repeated after a crash it writes the same. */
export function writeApplied(
  client: KubeClient,
  instance: OsInstance,
  kind: ConfigKind,
): Promise<OsInstance> {
  return writeStatus(client, instance, { [kind]: settingsPatch(instance.spec?.[kind]) })
}

/** Members of the status that change. */
export type StatusPatch = { readonly [Member in keyof OsInstanceStatus]?: object | string | null }

/** Merge patch of the status; members that are `null` are deleted. */
export function writeStatus(
  client: KubeClient,
  instance: OsInstance,
  status: StatusPatch,
): Promise<OsInstance> {
  const { name, namespace = OS_INSTANCE_NAMESPACE } = instance.metadata
  const body = { ...HEAD, status }
  const options = { subresource: 'status' } as const
  return client.patch(OS_INSTANCES, { name, namespace }, { type: 'merge', body }, options)
}

function patch(client: KubeClient, instance: OsInstance, change: object): Promise<OsInstance> {
  const { name, namespace = OS_INSTANCE_NAMESPACE } = instance.metadata
  const body = { ...HEAD, ...change }
  return client.patch(OS_INSTANCES, { name, namespace }, { type: 'merge', body })
}

function metadataOf(instance: OsInstance, records: Records): object {
  const annotations: Record<string, string> = {}
  for (const key of ['operation', 'verdict', 'hold'] as const) {
    const record = records[key]
    if (record !== undefined) annotations[OS_INSTANCE_ANNOTATIONS[key]] = JSON.stringify(record)
  }
  return { resourceVersion: instance.metadata.resourceVersion, annotations }
}

/** A merge patch keeps members that it does not name: replacement has to name both. */
function settingsPatch(settings: Configs | undefined): object | null {
  if (settings === undefined) return null
  return { version: settings.version ?? null, configs: settings.configs ?? null }
}
