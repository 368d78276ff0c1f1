// Facts for tests: plain defaults, of which a test changes what it is about.
import type { InstanceFacts, NodeFacts, OsFacts } from '../src/operator/facts.ts'
import { osFacts } from '../src/operator/facts.ts'

/** An upgrade to `v2` of one node at a time. */
export function sampleOs(changes: Partial<OsFacts> = {}): OsFacts {
  const facts = osFacts({
    metadata: {
      name: 'o',
      namespace: 'default',
      uid: 'os-uid',
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { opstype: 'upgrade', osversion: 'v2', maxunavailable: 1 },
  })
  return { ...facts, ...changes }
}

/** A worker node on `v1`. */
export function sampleNode(name: string, changes: Partial<NodeFacts> = {}): NodeFacts {
  return {
    name,
    uid: `uid-${name}`,
    isControlPlane: false,
    selectorLabel: undefined,
    isUpgrading: false,
    isConfiguring: false,
    isSerial: false,
    isUnschedulable: false,
    cordonedBy: undefined,
    osVersion: 'v1',
    bootId: 'boot-1',
    isReady: true,
    ...changes,
  }
}

/** An idle OSInstance. */
export function sampleInstance(name: string, changes: Partial<InstanceFacts> = {}): InstanceFacts {
  return {
    namespace: 'default',
    name,
    uid: `iuid-${name}`,
    resourceVersion: '1',
    isIdle: true,
    nodeStatus: 'idle',
    owner: undefined,
    claim: undefined,
    operation: undefined,
    verdict: undefined,
    hold: undefined,
    systemSettingsVersion: '',
    preUpgradeSettingsVersion: '',
    appliedSettingsVersion: '',
    message: undefined,
    lastError: undefined,
    ...changes,
  }
}
