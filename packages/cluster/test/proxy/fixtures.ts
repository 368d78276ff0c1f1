// Facts for tables of the proxy's decision: a node on v1 that is asked for v2, all settings at c1.
import type { AgentStatus } from '@kubenest/api/agent/rpc'
import type { Node } from '@kubenest/api/core/objects'
import { LABELS, NODE_ANNOTATIONS, OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { Os, OsInstance, OsSpec } from '@kubenest/api/os/os'
import type { OperationRecord, Verdict } from '@kubenest/api/os/records'
import type { AgentFacts, Facts } from '../../src/proxy/facts.ts'
import { timestamp } from '../../src/proxy/operation-record.ts'

export const NOW = Date.UTC(2026, 5, 1, 12)
export const V1 = 'KubeOS v1'
export const V2 = 'KubeOS v2'
export const DIGEST = 'ab'.repeat(32)
export const CLAIM = 'claim-1'

/** What a case differs in. */
export interface Case {
  runs?: string
  bootId?: string
  labels?: readonly ('upgrading' | 'configuring')[]
  unschedulable?: boolean
  mark?: string
  status?: 'idle' | 'upgrade' | 'config'
  owned?: boolean
  claim?: string
  /** Versions in OS spec, OSInstance spec and OSInstance status. */
  sys?: readonly [string, string, string]
  up?: readonly [string, string, string]
  os?: OsSpec | 'absent' | 'loading'
  operation?: Partial<OperationRecord> | undefined
  verdict?: Partial<Verdict>
  hold?: object
  agent?: AgentFacts
  facts?: Partial<Facts>
  osAnnotations?: Record<string, string>
}

export function makeNode(from: Case = {}): Node {
  const labels = (from.labels ?? ['upgrading']).map((label) => [LABELS[label], ''])
  return {
    metadata: {
      name: 'openeuler',
      uid: 'node-uid',
      resourceVersion: '7',
      labels: Object.fromEntries(labels) as Record<string, string>,
      ...(from.mark === undefined
        ? {}
        : { annotations: { [NODE_ANNOTATIONS.cordonedBy]: from.mark } }),
    },
    spec: { unschedulable: from.unschedulable ?? false },
    status: {
      nodeInfo: { osImage: from.runs ?? V1, bootID: from.bootId ?? 'boot-1' },
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
    },
  }
}

export function makeOs(from: Case = {}): Os {
  const [sys] = from.sys ?? ['c1']
  const [up] = from.up ?? ['c1']
  return {
    metadata: {
      name: 'test',
      namespace: 'default',
      uid: 'os-uid',
      resourceVersion: '5',
      generation: 1,
      ...(from.osAnnotations === undefined ? {} : { annotations: from.osAnnotations }),
    },
    spec: {
      opstype: 'upgrade',
      osversion: V2,
      maxunavailable: 1,
      imagetype: 'disk',
      checksum: DIGEST,
      sysconfigs: { version: sys },
      upgradeconfigs: { version: up },
      ...(typeof from.os === 'object' ? from.os : {}),
    },
  }
}

export function makeRecord(over: Partial<OperationRecord> = {}): OperationRecord {
  return {
    id: CLAIM,
    type: 'upgrade',
    image: { digest: DIGEST, version: V2 },
    phase: 'Configuring',
    since: timestamp(NOW),
    ...over,
  }
}

export function makeInstance(from: Case = {}): OsInstance {
  const [, sysSpec = 'c1', sysStatus = 'c1'] = from.sys ?? []
  const [, upSpec = 'c1', upStatus = 'c1'] = from.up ?? []
  const annotations: Record<string, string> = {}
  if (from.claim !== undefined) annotations[OS_INSTANCE_ANNOTATIONS.claim] = from.claim
  if (from.operation !== undefined) {
    annotations[OS_INSTANCE_ANNOTATIONS.operation] = JSON.stringify(makeRecord(from.operation))
  }
  if (from.verdict !== undefined) {
    const verdict = {
      id: CLAIM,
      image: { digest: DIGEST, version: V2 },
      operation: 'upgrade',
      reason: 'Test',
      message: 'Test',
      at: timestamp(NOW),
      ...from.verdict,
    }
    annotations[OS_INSTANCE_ANNOTATIONS.verdict] = JSON.stringify(verdict)
  }
  if (from.hold !== undefined) annotations[OS_INSTANCE_ANNOTATIONS.hold] = JSON.stringify(from.hold)
  return {
    metadata: {
      name: 'openeuler',
      namespace: 'default',
      uid: 'osi-uid',
      resourceVersion: '9',
      annotations,
    },
    spec: {
      nodestatus: from.status ?? 'upgrade',
      ...(from.owned === false ? {} : { namespacedname: { name: 'test', namespace: 'default' } }),
      sysconfigs: { version: sysSpec },
      upgradeconfigs: { version: upSpec },
    },
    status: { sysconfigs: { version: sysStatus }, upgradeconfigs: { version: upStatus } },
  }
}

export function makeFacts(from: Case = {}): Facts {
  const os =
    from.os === 'absent' || from.os === 'loading'
      ? ({ state: from.os } as const)
      : ({ state: 'present', os: makeOs(from) } as const)
  return {
    node: makeNode(from),
    instance: makeInstance(from),
    isInstanceFresh: true,
    os,
    agent: from.agent ?? { state: 'described', status: makeAgent() },
    task: undefined,
    failure: undefined,
    blockers: undefined,
    wasAssignedAtStart: false,
    freshId: 'fresh',
    ...from.facts,
  }
}

export function makeAgent(over: Partial<AgentStatus> = {}): AgentStatus {
  return {
    agentVersion: '1.0.0',
    capabilities: ['status', 'report', 'cancel'],
    bootId: 'boot-1',
    osVersion: V1,
    slots: [
      { name: 'A', booted: true, version: V1, state: 'committed', tries: 0 },
      { name: 'B', booted: false, version: V2, state: 'committed', tries: 0 },
    ],
    degraded: [],
    ...over,
  }
}

export function described(over: Partial<AgentStatus> = {}): AgentFacts {
  return { state: 'described', status: makeAgent(over) }
}
