// Effects one by one: what a refused write stops, and how rarely the status is written.
import { describe, expect, test } from 'bun:test'
import { OS_ANNOTATIONS, OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { Os } from '@kubenest/api/os/os'
import { silentLogger } from '@kubenest/base/log'
import { NODES, OSES, OS_INSTANCES } from '@kubenest/kube/client/resources'
import { FakeApiServer } from '@kubenest/sim/fakes/fake-api-server'
import { FakeClock } from '@kubenest/sim/fakes/fake-clock'
import { sampleNode } from '../../test/sample-facts.ts'
import { claimIdOf } from '../proxy/operation-record.ts'
import { applyRollout } from './apply-rollout.ts'
import { createCleanup } from './cleanup.ts'
import { ORPHAN_PATIENCE_MS } from './plan-cleanup.ts'
import { instanceFacts, nodeFacts, osFacts, type RolloutFacts } from './facts.ts'
import { planRollout } from './plan-rollout.ts'
import { createStatusWriter } from './write-status.ts'

async function makeCluster() {
  const clock = new FakeClock()
  const server = new FakeApiServer({ clock })
  const admin = server.client()
  const node = await admin.create(NODES, {
    metadata: { name: 'n1' },
    status: { nodeInfo: { osImage: 'v1', bootID: 'b' } },
  })
  const instance = await admin.create(OS_INSTANCES, {
    metadata: { name: 'n1', namespace: 'default' },
    spec: { nodestatus: 'idle' },
  })
  const spec = { opstype: 'upgrade' as const, osversion: 'v2', maxunavailable: 1 }
  const os = await admin.create(OSES, { metadata: { name: 'o', namespace: 'default' }, spec })
  const facts: RolloutFacts = {
    os: osFacts(os),
    others: [],
    nodes: [nodeFacts(node)],
    instances: new Map([['n1', instanceFacts(instance)]]),
    offsetSecondsAt: () => 0,
    mayClaim: true,
    firstSeenMs: () => undefined,
  }
  const deps = {
    client: admin,
    log: silentLogger,
    signal: new AbortController().signal,
    nowMs: clock.nowMs(),
    onOsWritten: () => {},
    onInstanceWritten: () => {},
  }
  const plan = () => planRollout(facts, clock.nowMs(), () => 'c1')
  return { clock, admin, os, facts, deps, plan }
}

describe('applyRollout()', () => {
  test('applyRollout() starts nothing when the OS object has changed since', async () => {
    const { admin, facts, deps, plan } = await makeCluster()
    const ref = { name: 'o', namespace: 'default' }
    await admin.patch(OSES, ref, { type: 'merge', body: { metadata: { annotations: { a: 'b' } } } })
    expect(await applyRollout(deps, facts, plan())).toBe('stale')
    expect(
      (await admin.get(OSES, ref))?.metadata.annotations?.[OS_ANNOTATIONS.claims],
    ).toBeUndefined()
    const instance = await admin.get(OS_INSTANCES, { name: 'n1', namespace: 'default' })
    expect(instance?.spec?.nodestatus).toBe('idle')
  })

  test('applyRollout() labels no node whose OSInstance was taken by another', async () => {
    const { admin, facts, deps, plan } = await makeCluster()
    const ref = { name: 'n1', namespace: 'default' }
    await admin.patch(OS_INSTANCES, ref, {
      type: 'merge',
      body: { spec: { nodestatus: 'config' } },
    })
    expect(await applyRollout(deps, facts, plan())).toBe('stale')
    expect((await admin.get(NODES, { name: 'n1' }))?.metadata.labels).toBeUndefined()
    expect((await admin.get(OS_INSTANCES, ref))?.spec?.nodestatus).toBe('config')
  })

  test('applyRollout() deletes the OSInstance that a node made anew inherited', async () => {
    const { admin, facts, deps, plan } = await makeCluster()
    const leftovers = [...facts.instances.values()]
    await applyRollout(deps, facts, {
      ...plan(),
      record: undefined,
      assign: [],
      labels: [],
      leftovers,
    })
    expect(await admin.get(OS_INSTANCES, { name: 'n1', namespace: 'default' })).toBeUndefined()
  })

  test('applyRollout() leaves no live stamp behind for the operator that comes next', async () => {
    const { admin, facts, deps, plan } = await makeCluster()
    const made = plan()
    await applyRollout(deps, facts, { ...made, assign: [], labels: [], voids: made.assign })
    const instance = await admin.get(OS_INSTANCES, { name: 'n1', namespace: 'default' })
    expect(instance?.metadata.annotations?.[OS_INSTANCE_ANNOTATIONS.claim]).toBe('c1')
    expect(instance === undefined ? 'gone' : claimIdOf(instance)).toBeUndefined()
  })

  test('applyRollout() puts no label on a node that was made anew', async () => {
    const { admin, facts, deps, plan } = await makeCluster()
    const nodes = [sampleNode('n1', { uid: 'another' })]
    const made = plan()
    expect(await applyRollout(deps, { ...facts, nodes }, made)).toBe('stale')
    expect((await admin.get(NODES, { name: 'n1' }))?.metadata.labels).toBeUndefined()
  })
})

describe('createCleanup()', () => {
  async function makeOrphan() {
    const { clock, admin } = await makeCluster()
    const ref = { name: 'n1', namespace: 'default' }
    const body = {
      metadata: { annotations: { [OS_INSTANCE_ANNOTATIONS.claim]: 'c9' } },
      spec: { nodestatus: 'upgrade', namespacedname: { name: 'gone', namespace: 'default' } },
    }
    await admin.patch(OS_INSTANCES, ref, { type: 'merge', body })
    const shown = { instance: await admin.get(OS_INSTANCES, ref) }
    const nodes = (await admin.list(NODES)).items
    const cacheOf = <T>(list: () => T[]) => ({ list, get: () => undefined, byIndex: () => [] })
    const caches = {
      oses: cacheOf<Os>(() => []),
      nodes: cacheOf(() => nodes),
      instances: cacheOf(() => (shown.instance === undefined ? [] : [shown.instance])),
    }
    const reconcile = createCleanup({ client: admin, clock, log: silentLogger, caches })
    await reconcile()
    await clock.advance(ORPHAN_PATIENCE_MS)
    return { admin, ref, shown, reconcile }
  }

  test('createCleanup() tries again when another writer was faster, without waiting for an event', async () => {
    const { admin, ref, shown, reconcile } = await makeOrphan()
    await admin.patch(OS_INSTANCES, ref, {
      type: 'merge',
      body: { metadata: { labels: { a: 'b' } } },
    })
    expect((await reconcile()).requeueAfterMs).toBeGreaterThan(0)
    shown.instance = await admin.get(OS_INSTANCES, ref)
    expect(await reconcile()).toEqual({})
    expect((await admin.get(OS_INSTANCES, ref))?.spec?.nodestatus).toBe('idle')
  })

  test('createCleanup() leaves no live stamp behind for the operator that comes next', async () => {
    const { admin, ref, reconcile } = await makeOrphan()
    await reconcile()
    const instance = await admin.get(OS_INSTANCES, ref)
    expect(instance === undefined ? 'gone' : claimIdOf(instance)).toBeUndefined()
  })
})

describe('createStatusWriter()', () => {
  test('createStatusWriter() writes changes only, at most once per second, and keeps transition times', async () => {
    const { clock, admin, os, plan } = await makeCluster()
    const writer = createStatusWriter({ client: admin, clock, log: silentLogger })
    const { signal } = new AbortController()
    const version = async () => {
      const found = await admin.get(OSES, { name: 'o', namespace: 'default' })
      return [found?.metadata.resourceVersion, found] as const
    }
    const { status } = plan()
    await writer.write(os, { ...status, waiting: 1 }, signal)
    const [first] = await version()
    await clock.advance(5000)
    expect(await writer.write(os, { ...status, waiting: 1 }, signal)).toBeUndefined()
    expect((await version())[0]).toBe(first)
    await writer.write(os, { ...status, waiting: 2 }, signal)
    const [second, kept] = await version()
    expect(second).not.toBe(first)
    expect(transitionOf(kept)).toBe('2026-01-01T00:00:00Z')
    await clock.advance(400)
    expect(await writer.write(os, { ...status, waiting: 3 }, signal)).toBe(600)
    expect((await version())[0]).toBe(second)
  })
})

test('createStatusWriter() forgets an object that is gone', async () => {
  const { clock, admin, os, plan } = await makeCluster()
  const writer = createStatusWriter({ client: admin, clock, log: silentLogger })
  const { signal } = new AbortController()
  const { status } = plan()
  expect(await writer.write(os, status, signal)).toBeUndefined()
  expect(await writer.write(os, { ...status, waiting: 9 }, signal)).toBe(1000)
  writer.forget('default/o')
  expect(await writer.write(os, { ...status, waiting: 9 }, signal)).toBeUndefined()
})

function transitionOf(os: Os | undefined): string | undefined {
  return os?.status?.conditions?.[0]?.lastTransitionTime
}
