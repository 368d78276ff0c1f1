// What every KubeClient must do: one suite over the fake and over the real API server. It checks
// the state of the world after requests, and works in names of its own, so that it can run beside
// other things.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Event, Pod, PodDisruptionBudget } from '@kubenest/api/core/objects'
import type { OsInstance } from '@kubenest/api/os/os'
import { isOsError } from '@kubenest/base/errors'
import type { KubeClient, WatchEvent } from './kube-client.ts'
import { BUDGETS, EVENTS, LEASES, NODES, OS_INSTANCES, PODS } from './resources.ts'

/** A server with a client that may do everything. */
export interface KubeClientFixture {
  readonly client: KubeClient
  /** An existing namespace. */
  readonly namespace: string
  /** Makes all versions before now unreadable; absent where a test cannot do that. */
  readonly compact?: () => Promise<void>
  readonly close?: () => Promise<void>
}

/** Declares the suite for one implementation. */
export function describeKubeClientContract(
  name: string,
  makeFixture: () => Promise<KubeClientFixture>,
): void {
  describe(`KubeClient contract: ${name}`, () => {
    const run = crypto.randomUUID().slice(0, 8)
    let fixture: KubeClientFixture
    let client: KubeClient
    let namespace: string
    const named = (suffix: string) => `contract-${run}-${suffix}`
    const lease = (suffix: string, labels?: Record<string, string>) => ({
      metadata: { name: named(suffix), namespace, ...(labels === undefined ? {} : { labels }) },
      spec: { holderIdentity: suffix },
    })

    beforeAll(async () => {
      fixture = await makeFixture()
      ;({ client, namespace } = fixture)
    }, 120_000)
    afterAll(async () => await fixture.close?.())

    test('get() gives undefined for an object that does not exist', async () => {
      expect(await client.get(LEASES, { name: named('none'), namespace })).toBeUndefined()
    })

    test('create() gives uid, version and time, and refuses a second one', async () => {
      const made = await client.create(LEASES, lease('create'))
      expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
      expect(made.metadata.resourceVersion).toMatch(/^\d+$/)
      expect(made.metadata.creationTimestamp).toMatch(/^\d{4}-.*Z$/)
      const error = await failure(client.create(LEASES, lease('create')))
      expect(isOsError(error, 'kube-conflict') && error.fields['reason']).toBe('AlreadyExists')
    })

    test('replace() with an old version is a conflict and changes nothing', async () => {
      const first = await client.create(LEASES, lease('replace'))
      const second = await client.replace(LEASES, { ...first, spec: { holderIdentity: 'b' } })
      expect(second.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion)
      const error = await failure(
        client.replace(LEASES, { ...first, spec: { holderIdentity: 'c' } }),
      )
      expect(isOsError(error, 'kube-conflict') && error.fields['reason']).toBe('Conflict')
      const now = await client.get(LEASES, { name: named('replace'), namespace })
      expect(now?.spec?.holderIdentity).toBe('b')
    })

    test('patch() of a missing object is kube-not-found', async () => {
      const error = await failure(
        client.patch(LEASES, { name: named('missing'), namespace }, { type: 'merge', body: {} }),
      )
      expect(isOsError(error, 'kube-not-found')).toBe(true)
    })

    test('a write that changes nothing keeps the version', async () => {
      const made = await client.create(LEASES, lease('same'))
      const ref = { name: named('same'), namespace }
      const body = { spec: { holderIdentity: 'same' } }
      const again = await client.patch(LEASES, ref, { type: 'merge', body })
      expect(again.metadata.resourceVersion).toBe(made.metadata.resourceVersion as string)
    })

    test('patch() merges, removes with null, and is conditional by version', async () => {
      const made = await client.create(LEASES, lease('merge', { keep: 'k', drop: 'd' }))
      const ref = { name: named('merge'), namespace }
      const { resourceVersion } = made.metadata
      const body = { metadata: { resourceVersion, labels: { drop: null, more: 'm' } } }
      const patched = await client.patch(LEASES, ref, { type: 'merge', body })
      expect(patched.metadata.labels).toEqual({ keep: 'k', more: 'm' })
      expect(patched.spec?.holderIdentity).toBe('merge')
      const error = await failure(client.patch(LEASES, ref, { type: 'merge', body }))
      expect(isOsError(error, 'kube-conflict')).toBe(true)
    })

    test('patch() applies JSON patches whole or not at all', async () => {
      await client.create(LEASES, lease('json'))
      const ref = { name: named('json'), namespace }
      const add = { op: 'add', path: '/metadata/labels', value: { 'a/b': '1' } } as const
      await client.patch(LEASES, ref, { type: 'json', body: [add] })
      const replace = { op: 'replace', path: '/metadata/labels/a~1b', value: '2' } as const
      const test = { op: 'test', path: '/spec/holderIdentity', value: 'other' } as const
      const error = await failure(
        client.patch(LEASES, ref, { type: 'json', body: [replace, test] }),
      )
      expect(isOsError(error, 'kube-invalid')).toBe(true)
      expect((await client.get(LEASES, ref))?.metadata.labels).toEqual({ 'a/b': '1' })
      await client.patch(LEASES, ref, { type: 'json', body: [replace] })
      expect((await client.get(LEASES, ref))?.metadata.labels).toEqual({ 'a/b': '2' })
    })

    test('patch() of a node merges conditions by type in a strategic status patch', async () => {
      const ref = { name: named('node') }
      await client.create(NODES, { metadata: ref })
      const ready = (status: string) => ({ type: 'Ready', status, reason: 'R', message: 'm' })
      const disk = { type: 'DiskPressure', status: 'False', reason: 'R', message: 'm' }
      const first = { status: { conditions: [ready('False'), disk] } }
      await client.patch(NODES, ref, { type: 'strategic', body: first }, { subresource: 'status' })
      const second = { status: { conditions: [ready('True')] } }
      const node = await client.patch(
        NODES,
        ref,
        { type: 'strategic', body: second },
        { subresource: 'status' },
      )
      const seen = node.status?.conditions?.map((c) => `${c.type}=${c.status}`).sort()
      expect(seen).toEqual(['DiskPressure=False', 'Ready=True'])
      await client.delete(NODES, ref)
    })

    test('patch() cordons a node and takes it back with null', async () => {
      const ref = { name: named('cordon') }
      await client.create(NODES, { metadata: ref })
      const on = {
        metadata: { annotations: { 'kubenest.io/x': '1' } },
        spec: { unschedulable: true },
      }
      const cordoned = await client.patch(NODES, ref, { type: 'merge', body: on })
      expect([
        cordoned.spec?.unschedulable,
        cordoned.metadata.annotations?.['kubenest.io/x'],
      ]).toEqual([true, '1'])
      const off = {
        metadata: { annotations: { 'kubenest.io/x': null } },
        spec: { unschedulable: null },
      }
      const back = await client.patch(NODES, ref, { type: 'merge', body: off })
      expect(back.spec?.unschedulable).toBeUndefined()
      expect(back.metadata.annotations?.['kubenest.io/x']).toBeUndefined()
      await client.delete(NODES, ref)
    })

    test('the status subresource changes status alone, and other writes leave it', async () => {
      const name = named('status')
      const ref = { name, namespace }
      const spec = { nodestatus: 'idle' }
      const made = await client.create(OS_INSTANCES, {
        metadata: ref,
        spec,
        status: { operation: { phase: 'ignored' } },
      })
      expect(statusOf(made)).toBeUndefined()
      expect(made.metadata.generation).toBe(1)
      const body = { spec: { nodestatus: 'upgrade' }, status: { operation: { phase: 'x' } } }
      const merge = { type: 'merge', body } as const
      const withStatus = await client.patch(OS_INSTANCES, ref, merge, { subresource: 'status' })
      expect(statusOf(withStatus)).toEqual({ operation: { phase: 'x' } })
      expect(withStatus.spec?.nodestatus).toBe('idle')
      expect(withStatus.metadata.generation).toBe(1)
      const changed = await client.patch(OS_INSTANCES, ref, {
        type: 'merge',
        body: { spec: { nodestatus: 'upgrade' }, status: { operation: { phase: 'y' } } },
      })
      expect(statusOf(changed)).toEqual({ operation: { phase: 'x' } })
      expect(changed.metadata.generation).toBe(2)
      await client.delete(OS_INSTANCES, ref)
    })

    test('patch() of a custom resource refuses the strategic kind', async () => {
      const ref = { name: named('strategic'), namespace }
      const spec = { nodestatus: 'idle' }
      await client.create(OS_INSTANCES, { metadata: ref, spec })
      const error = await failure(
        client.patch(OS_INSTANCES, ref, { type: 'strategic', body: { spec } }),
      )
      expect(isOsError(error, 'kube-invalid')).toBe(true)
      await client.delete(OS_INSTANCES, ref)
    })

    test('delete() succeeds twice, and refuses another uid', async () => {
      await client.create(LEASES, lease('delete'))
      const ref = { name: named('delete'), namespace }
      const uid = '00000000-0000-4000-8000-ffffffffffff'
      const error = await failure(client.delete(LEASES, ref, { uid }))
      expect(isOsError(error, 'kube-conflict')).toBe(true)
      await client.delete(LEASES, ref)
      await client.delete(LEASES, ref)
      expect(await client.get(LEASES, ref)).toBeUndefined()
    })

    test('list() pages through one snapshot and selects by label and field', async () => {
      const labels = { contract: named('list') }
      for (const at of [1, 2, 3, 4, 5]) await client.create(LEASES, lease(`list-${at}`, labels))
      const labelSelector = `contract=${named('list')}`
      const first = await client.list(LEASES, { namespace, labelSelector, limit: 2 })
      expect(first.items).toHaveLength(2)
      await client.create(LEASES, lease('list-6', labels))
      await client.delete(LEASES, { name: named('list-5'), namespace })
      const names = first.items.map((item) => item.metadata.name)
      let token = first.continue
      while (token !== undefined) {
        const options = { namespace, labelSelector, limit: 2, continue: token }
        const page = await client.list(LEASES, options)
        expect(page.resourceVersion).toBe(first.resourceVersion)
        names.push(...page.items.map((item) => item.metadata.name))
        token = page.continue
      }
      expect(names).toEqual([1, 2, 3, 4, 5].map((at) => named(`list-${at}`)))
      const fieldSelector = `metadata.name=${named('list-3')}`
      const one = await client.list(LEASES, { namespace, fieldSelector })
      expect(one.items.map((item) => item.metadata.name)).toEqual([named('list-3')])
      const none = await client.list(LEASES, {
        namespace,
        labelSelector: `contract notin (${named('list')}),contract`,
      })
      expect(none.items.some((item) => item.metadata.name.startsWith(named('list')))).toBe(false)
    })

    test('watch() resumes from a version, and a selector turns changes into additions and deletions', async () => {
      const { resourceVersion } = await client.list(LEASES, { namespace, limit: 1 })
      const ref = { name: named('watch'), namespace }
      const label = async (value: string | null) =>
        await client.patch(LEASES, ref, {
          type: 'merge',
          body: { metadata: { labels: { watched: value } } },
        })
      await client.create(LEASES, lease('watch'))
      await label(named('w'))
      await client.patch(LEASES, ref, { type: 'merge', body: { spec: { holderIdentity: 'new' } } })
      await label(null)
      await label(named('w'))
      await client.delete(LEASES, ref)
      const events = client.watch(LEASES, {
        namespace,
        labelSelector: `watched=${named('w')}`,
        resourceVersion,
      })
      const seen = await firstOf(events, 5)
      expect(seen.map((event) => event.type)).toEqual([
        'ADDED',
        'MODIFIED',
        'DELETED',
        'ADDED',
        'DELETED',
      ])
      const versions = seen.map((event) => Number(event.object.metadata.resourceVersion))
      expect([...versions].sort((a, b) => a - b)).toEqual(versions)
      expect(new Set(versions).size).toBe(5)
    })

    test('watch() follows new changes and ends with the signal', async () => {
      const { resourceVersion } = await client.list(LEASES, { namespace, limit: 1 })
      const stop = new AbortController()
      const fieldSelector = `metadata.name=${named('live')}`
      const options = { namespace, fieldSelector, resourceVersion, signal: stop.signal }
      const events = client.watch(LEASES, options)[Symbol.asyncIterator]()
      const first = events.next()
      await client.create(LEASES, lease('live'))
      expect((await first).value?.type).toBe('ADDED')
      const second = events.next()
      const reason = new Error('enough')
      stop.abort(reason)
      expect(await failure(second)).toBe(reason)
    })

    test('watch() from a compacted version is kube-gone', async () => {
      if (fixture.compact === undefined)
        return console.log('  (skipped: this server cannot be compacted)')
      const { resourceVersion } = await client.list(LEASES, { namespace, limit: 1 })
      await client.create(LEASES, lease('gone'))
      await fixture.compact()
      const error = await failure(firstOf(client.watch(LEASES, { namespace, resourceVersion }), 1))
      expect(isOsError(error, 'kube-gone')).toBe(true)
    })

    test('evict() answers gone for missing pods and for another uid', async () => {
      const ref = { name: named('pod'), namespace }
      expect(await client.evict({ name: named('no-pod'), namespace })).toEqual({ outcome: 'gone' })
      await client.create(PODS, pod(ref, {}))
      const uid = '00000000-0000-4000-8000-ffffffffffff'
      expect(await client.evict(ref, { uid })).toEqual({ outcome: 'gone' })
      expect(await client.evict(ref, { dryRun: true })).toEqual({ outcome: 'evicted' })
      expect(await client.get(PODS, ref)).toBeDefined()
      expect(await client.evict(ref)).toEqual({ outcome: 'evicted' })
      expect(await client.get(PODS, ref)).toBeUndefined()
      // The real server repeats an eviction whose UID differs for 10 s before it says so.
    }, 30_000)

    test('evict() is refused by a budget and names it; two budgets are a misconfiguration', async () => {
      const ref = { name: named('guarded'), namespace }
      const labels = { guarded: named('guarded') }
      await client.create(PODS, pod(ref, labels))
      const phase = { type: 'merge', body: { status: RUNNING } } as const
      await client.patch(PODS, ref, phase, { subresource: 'status' })
      const budget = (suffix: string) =>
        ({
          metadata: { name: named(suffix), namespace },
          spec: { minAvailable: 1, selector: { matchLabels: labels } },
        }) as PodDisruptionBudget
      await client.create(BUDGETS, budget('budget-a'))
      await client.patch(
        BUDGETS,
        { name: named('budget-a'), namespace },
        { type: 'merge', body: { status: NOTHING_ALLOWED } },
        { subresource: 'status' },
      )
      const refused = await client.evict(ref)
      expect(refused).toMatchObject({ outcome: 'refused' })
      expect('message' in refused && refused.message).toContain(named('budget-a'))
      await client.create(BUDGETS, budget('budget-b'))
      expect(await client.evict(ref)).toMatchObject({ outcome: 'broken' })
      expect(await client.get(PODS, ref)).toBeDefined()
      for (const suffix of ['budget-a', 'budget-b'])
        await client.delete(BUDGETS, { name: named(suffix), namespace })
      await client.evict(ref)
    })

    test('create() accepts the events that the recorder writes', async () => {
      const event: Event = {
        metadata: { name: named('event'), namespace },
        involvedObject: { kind: 'Lease', namespace, name: named('create') },
        reason: 'Contract',
        message: 'seen',
        type: 'Normal',
        count: 1,
        firstTimestamp: '2026-01-01T00:00:00Z',
        lastTimestamp: '2026-01-01T00:00:00Z',
        source: { component: 'contract' },
      }
      expect((await client.create(EVENTS, event)).reason).toBe('Contract')
    })
  })
}

const RUNNING = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
const NOTHING_ALLOWED = {
  observedGeneration: 1,
  disruptionsAllowed: 0,
  currentHealthy: 1,
  desiredHealthy: 1,
  expectedPods: 1,
}

function pod(ref: { name: string; namespace: string }, labels: Record<string, string>): Pod {
  return { metadata: { ...ref, labels }, spec: { containers: [{ name: 'c', image: 'none' }] } }
}

function statusOf(object: OsInstance): unknown {
  return (object as { status?: unknown }).status
}

async function firstOf<T>(events: AsyncIterable<WatchEvent<T>>, count: number) {
  const seen: WatchEvent<T>[] = []
  for await (const event of events) {
    if (event.type !== 'BOOKMARK') seen.push(event)
    if (seen.length === count) break
  }
  return seen
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('The request was expected to fail')
}
