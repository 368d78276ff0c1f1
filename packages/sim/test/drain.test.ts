// Cordon and drain on the fake API server (contract 3.5, decisions 6 and 8, A15, A16, I18).
import { describe, expect, test } from 'bun:test'
import type { Pod } from '@kubenest/api/core/objects'
import { NODE_ANNOTATIONS } from '@kubenest/api/os/names'
import { silentLogger } from '@kubenest/base/log'
import { BUDGETS, NODES, PODS } from '@kubenest/kube/client/resources'
import { cordonNode, uncordonNode } from '@kubenest/kube/drain/cordon-node'
import {
  type DrainRequest,
  drainNode,
  dryRunEvictions,
  findRefusals,
} from '@kubenest/kube/drain/drain-node'
import { FakeApiServer, type FakeFault } from '../src/fakes/fake-api-server.ts'
import { FakeClock } from '../src/fakes/fake-clock.ts'
import { type FakeRequest, type FakeRules, documentedRules } from '../src/fakes/fake-rbac.ts'

const NODE = 'node-1'
const REQUEST: DrainRequest = { node: NODE, operationId: 'op-1', force: false, deadlineMs: 900_000 }

const pod = (name: string, more: Partial<Pod> & { owner?: string; bare?: boolean } = {}): Pod => ({
  metadata: {
    name,
    namespace: 'default',
    ...more.metadata,
    ...(more.bare === true
      ? {}
      : {
          ownerReferences: [
            {
              apiVersion: 'apps/v1',
              kind: more.owner ?? 'ReplicaSet',
              name: 'o',
              uid: 'o',
              controller: true,
            },
          ],
        }),
  },
  spec: { nodeName: NODE, containers: [{ name: 'c' }], ...more.spec },
  status: { phase: 'Running', ...more.status },
})

async function setUp(rules: FakeRules = documentedRules) {
  const clock = new FakeClock()
  const asked: FakeRequest[] = []
  const faults: { next: (request: FakeRequest) => FakeFault } = { next: () => 'none' }
  const server = new FakeApiServer({
    clock,
    fault: (request) => {
      if (request.identity === 'proxy') asked.push(request)
      return faults.next(request)
    },
  })
  const admin = server.client()
  const client = server.client({ name: 'proxy', rules })
  await admin.create(NODES, { metadata: { name: NODE } })
  const deps = { client, clock, log: silentLogger, random: () => 1 }
  const endTerminating = () => {
    for (const each of server.store.list('/pods'))
      if (each.metadata.deletionTimestamp !== undefined)
        server.finishPod({ name: each.metadata.name, namespace: 'default' })
  }
  const node = () => admin.get(NODES, { name: NODE })
  const budget = (name: string, disruptionsAllowed: number) =>
    admin.create(BUDGETS, {
      metadata: { name, namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'web' } } },
      status: { disruptionsAllowed },
    })
  const pods = () => server.store.list('/pods').map((each) => each.metadata.name)
  return { clock, server, admin, client, deps, asked, faults, endTerminating, node, budget, pods }
}

const web = (name: string) =>
  pod(name, { metadata: { name, namespace: 'default', labels: { app: 'web' } } })

describe('cordonNode() and uncordonNode()', () => {
  test('set and remove mark and cordon together', async () => {
    const s = await setUp()
    expect(await cordonNode(s.client, { node: NODE, operationId: 'op-1' })).toBe('ours')
    const cordoned = await s.node()
    expect(cordoned?.spec?.unschedulable).toBe(true)
    expect(cordoned?.metadata.annotations?.[NODE_ANNOTATIONS.cordonedBy]).toBe('op-1')
    for (const { current } of s.server.store.history.filter((c) => c.collection === '/nodes')) {
      const seen = current as { spec?: { unschedulable?: boolean } } | undefined
      const mark = current?.metadata.annotations?.[NODE_ANNOTATIONS.cordonedBy]
      expect(seen?.spec?.unschedulable === true).toBe(mark !== undefined)
    }
    expect(await uncordonNode(s.client, { node: NODE, operationId: 'op-1' })).toBe('uncordoned')
    expect((await s.node())?.spec?.unschedulable).toBeUndefined()
    expect(await uncordonNode(s.client, { node: NODE, operationId: 'op-1' })).toBe('untouched')
  })

  test("leave an admin's cordon and another operation's mark alone", async () => {
    const s = await setUp()
    const body = { spec: { unschedulable: true } }
    await s.admin.patch(NODES, { name: NODE }, { type: 'merge', body })
    expect(await cordonNode(s.client, { node: NODE, operationId: 'op-1' })).toBe('foreign')
    expect(await uncordonNode(s.client, { node: NODE })).toBe('untouched')
    expect((await s.node())?.spec?.unschedulable).toBe(true)
    await s.admin.patch(
      NODES,
      { name: NODE },
      { type: 'merge', body: { spec: { unschedulable: null } } },
    )
    await cordonNode(s.client, { node: NODE, operationId: 'op-1' })
    expect(await uncordonNode(s.client, { node: NODE, operationId: 'op-2' })).toBe('untouched')
    expect((await s.node())?.spec?.unschedulable).toBe(true)
  })

  test('see an admin who cordons between read and write', async () => {
    const s = await setUp()
    // The admin's write is served while ours is on its way.
    const slow = {
      ...s.client,
      patch: (async (...args: Parameters<typeof s.client.patch>) => {
        await s.admin.patch(
          NODES,
          { name: NODE },
          { type: 'merge', body: { spec: { unschedulable: true } } },
        )
        return await s.client.patch(...args)
      }) as typeof s.client.patch,
    }
    expect(await cordonNode(slow, { node: NODE, operationId: 'op-1' })).toBe('foreign')
    expect((await s.node())?.metadata.annotations?.[NODE_ANNOTATIONS.cordonedBy]).toBeUndefined()
  })
})

describe('drainNode()', () => {
  test('evicts at most five at once, waits for the end, and says drained', async () => {
    const s = await setUp()
    let inFlight = 0
    let most = 0
    const client = {
      ...s.client,
      evict: async (...args: Parameters<typeof s.client.evict>) => {
        most = Math.max(most, (inFlight += 1))
        await s.clock.sleep(100)
        inFlight -= 1
        return await s.client.evict(...args)
      },
    }
    for (let at = 0; at < 12; at += 1) await s.admin.create(PODS, pod(`p${at}`))
    let result: unknown
    void drainNode({ ...s.deps, client }, REQUEST).then((r) => (result = r))
    await s.clock.advance(2_000)
    expect(result).toBeUndefined()
    s.endTerminating()
    await s.clock.advance(10_000)
    expect(result).toEqual({ outcome: 'drained' })
    expect(most).toBe(5)
    expect((await s.node())?.spec?.unschedulable).toBe(true)
    expect(s.asked.some(({ verb }) => verb === 'delete')).toBe(false)
    expect(s.clock.pending).toBe(0)
  })

  test('refuses by looking, before anything is written', async () => {
    const s = await setUp()
    await s.admin.create(PODS, pod('fine'))
    await s.admin.create(PODS, pod('lonely', { bare: true }))
    const result = await drainNode(s.deps, REQUEST)
    expect(result).toMatchObject({
      outcome: 'refused',
      blockers: [{ name: 'lonely', reason: 'refused' }],
    })
    expect((await s.node())?.spec?.unschedulable).toBeUndefined()
    expect(s.asked.every(({ verb }) => verb === 'get' || verb === 'list')).toBe(true)
    expect(await findRefusals(s.client, { ...REQUEST, force: true })).toEqual([])
  })

  test('names pod and budget at the deadline, and evicted the others', async () => {
    const s = await setUp()
    await s.budget('web-budget', 0)
    await s.admin.create(PODS, web('web-1'))
    await s.admin.create(PODS, pod('other'))
    let result: unknown
    const left: number[] = []
    const onProgress = (progress: { left: number }) => void left.push(progress.left)
    void drainNode(s.deps, { ...REQUEST, onProgress }).then((r) => (result = r))
    await s.clock.advance(10_000)
    s.endTerminating()
    await s.clock.advance(880_000)
    expect(result).toBeUndefined()
    await s.clock.advance(10_001)
    expect(result).toMatchObject({
      outcome: 'timedOut',
      blockers: [{ namespace: 'default', name: 'web-1', reason: 'budget', budget: 'web-budget' }],
    })
    expect(s.pods()).toEqual(['web-1'])
    expect([left[0], left.at(-1)]).toEqual([2, 1])
    // Pauses grow: far fewer than 900 / 5 tries.
    const tries = s.asked.filter(
      (each) => each.resource === 'pods/eviction' && each.name === 'web-1',
    )
    expect(tries.length).toBeGreaterThan(10)
    expect(tries.length).toBeLessThan(25)
    expect(s.clock.pending).toBe(0)
  })

  test('goes on when the budget allows it later', async () => {
    const s = await setUp()
    await s.budget('web-budget', 0)
    await s.admin.create(PODS, web('web-1'))
    let result: unknown
    void drainNode(s.deps, REQUEST).then((r) => (result = r))
    await s.clock.advance(60_000)
    const body = { status: { disruptionsAllowed: 1 } }
    await s.admin.patch(
      BUDGETS,
      { name: 'web-budget', namespace: 'default' },
      { type: 'merge', body },
      { subresource: 'status' },
    )
    await s.clock.advance(60_000)
    s.endTerminating()
    await s.clock.advance(10_000)
    expect(result).toEqual({ outcome: 'drained' })
  })

  test('takes two budgets for a problem to retry, and names both when it may list them', async () => {
    const s = await setUp(
      (request) => documentedRules(request) || request.resource === 'poddisruptionbudgets',
    )
    await s.budget('a', 1)
    await s.budget('b', 1)
    await s.admin.create(PODS, web('web-1'))
    let result: unknown
    void drainNode(s.deps, { ...REQUEST, deadlineMs: 60_000 }).then((r) => (result = r))
    await s.clock.advance(60_001)
    expect(result).toMatchObject({
      outcome: 'timedOut',
      blockers: [{ reason: 'error', budget: 'a, b' }],
    })
  })

  test('never takes a failing list for an empty node', async () => {
    const s = await setUp()
    await s.admin.create(PODS, pod('p'))
    s.faults.next = ({ verb, identity }) =>
      verb === 'list' && identity === 'proxy' ? 'fail-before' : 'none'
    let result: unknown
    void drainNode(s.deps, { ...REQUEST, deadlineMs: 60_000 }).then((r) => (result = r))
    await s.clock.advance(59_000)
    expect(result).toBeUndefined()
    await s.clock.advance(2_000)
    expect(result).toMatchObject({ outcome: 'timedOut', blockers: [], error: expect.any(String) })
    expect(s.pods()).toEqual(['p'])
  })

  test('waits for pods that terminate already without evicting them again', async () => {
    const s = await setUp()
    await s.admin.create(PODS, pod('p'))
    await s.admin.delete(PODS, { name: 'p', namespace: 'default' })
    let result: unknown
    void drainNode(s.deps, { ...REQUEST, deadlineMs: 60_000 }).then((r) => (result = r))
    await s.clock.advance(60_001)
    expect(result).toMatchObject({
      outcome: 'timedOut',
      blockers: [{ name: 'p', reason: 'terminating' }],
    })
    expect(s.asked.some((each) => each.resource === 'pods/eviction')).toBe(false)
  })

  test('treats a pod of the same name and another uid as new', async () => {
    const s = await setUp()
    await s.admin.create(PODS, pod('p'))
    let result: unknown
    void drainNode(s.deps, REQUEST).then((r) => (result = r))
    await s.clock.advance(1_000)
    s.endTerminating()
    await s.admin.create(PODS, pod('p'))
    await s.clock.advance(10_000)
    expect(result).toBeUndefined()
    s.endTerminating()
    await s.clock.advance(10_000)
    expect(result).toEqual({ outcome: 'drained' })
  })

  test('ends with the signal and leaves no timer', async () => {
    const s = await setUp()
    await s.budget('web-budget', 0)
    await s.admin.create(PODS, web('web-1'))
    const stop = new AbortController()
    let error: unknown
    void drainNode(s.deps, { ...REQUEST, signal: stop.signal }).catch((e: unknown) => (error = e))
    await s.clock.advance(10_000)
    stop.abort(new Error('stopped'))
    await s.clock.settle()
    expect((error as Error).message).toBe('stopped')
    expect(s.clock.pending).toBe(0)
  })
})

describe('dryRunEvictions()', () => {
  test('names what would be refused and evicts nothing', async () => {
    const s = await setUp()
    await s.budget('web-budget', 0)
    await s.admin.create(PODS, web('web-1'))
    await s.admin.create(PODS, pod('free'))
    const blockers = await dryRunEvictions(s.client, REQUEST)
    expect(blockers.map(({ name, budget }) => [name, budget])).toEqual([['web-1', 'web-budget']])
    expect(s.server.store.list('/pods').some((each) => each.metadata.deletionTimestamp)).toBe(false)
  })
})
