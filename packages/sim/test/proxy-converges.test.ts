// The proxy over the fake API server: whole operations, and a crash after each of its writes.
import { describe, expect, test } from 'bun:test'
import { LABELS } from '@kubenest/api/os/names'
import { OsError } from '@kubenest/base/errors'
import { BUDGETS, NODES, OSES, PODS } from '@kubenest/kube/client/resources'
import type { FakeRequest } from '../src/fakes/fake-rbac.ts'
import { DIGEST, NODE, ProxyWorld, V1, V2, type WorldOptions } from './proxy-world.ts'

const SETTINGS = {
  version: 'u2',
  configs: [{ model: 'kernel.sysctl', contents: [{ key: 'vm.swappiness', value: 10 }] }],
}
const AFTER = {
  version: 's2',
  configs: [{ model: 'kernel.sysctl.persist', contents: [{ key: 'a', value: 1 }] }],
}
const BOTH = { upgradeconfigs: SETTINGS, sysconfigs: AFTER }

async function upgrade(
  options: WorldOptions = {},
  claim: string | null = 'claim-1',
): Promise<ProxyWorld> {
  const world = new ProxyWorld(options)
  await world.start(BOTH)
  await world.assign(claim ?? undefined, BOTH)
  await world.until('verdict', async () => (await world.verdict()) !== undefined)
  return world
}

describe('runProxy()', () => {
  test('runProxy() upgrades a node in the documented order and leaves it clean', async () => {
    const world = await upgrade()
    await world.until('clean', () => world.isClean())
    expect(world.calls).toEqual([
      'configure kernel.sysctl',
      'prepare',
      'upgrade',
      'configure kernel.sysctl.persist',
    ])
    expect(await world.verdict()).toMatchObject({
      id: 'claim-1',
      outcome: 'Succeeded',
      image: { digest: DIGEST, version: V2 },
    })
    const instance = await world.instance()
    expect(instance?.status).toMatchObject({
      upgradeconfigs: SETTINGS,
      sysconfigs: AFTER,
      agentVersion: '1.0.0',
    })
    expect((await world.node()).metadata.annotations ?? {}).toEqual({})
    expect(world.reports).toContain(true)
    world.kill()
  })

  test('runProxy() converges after a crash that follows any of its writes', async () => {
    let writes = 0
    const counted = await upgrade({
      onRequest: (request) => void (writes += isWrite(request.verb) ? 1 : 0),
    })
    await counted.until('clean', () => counted.isClean())
    counted.kill()
    expect(writes).toBeGreaterThan(10)
    for (let at = 1; at <= writes; at += 1) {
      let seen = 0
      const world = await upgrade({
        onRequest: (request, kill) => {
          if (!isWrite(request.verb)) return
          seen += 1
          if (seen === at) kill()
        },
      })
      await world.until(`clean after a crash at write ${at}`, () => world.isClean())
      expect([at, (await world.verdict())?.outcome, world.machine.runs]).toEqual([
        at,
        'Succeeded',
        V2,
      ])
      expect([at, world.calls.filter((call) => call === 'upgrade').length]).toEqual([at, 1])
      world.kill()
    }
  }, 60_000)

  test('runProxy() reports a fallback with the reasons of the agent and frees the node', async () => {
    const world = await upgrade({ trial: 'TrialUnhealthy' })
    await world.until('clean', () => world.isClean())
    expect(await world.verdict()).toMatchObject({ outcome: 'FellBack', reason: 'TrialUnhealthy' })
    expect((await world.verdict())?.message).toContain('sshd.service failed')
    expect(world.machine.runs).toBe(V1)
    world.kill()
  })

  test('runProxy() works with the documented agent', async () => {
    const world = await upgrade({ documentedAgent: true })
    await world.until('clean', () => world.isClean())
    expect(world.calls.filter((call) => call === 'upgrade')).toHaveLength(1)
    expect(await world.verdict()).toMatchObject({ outcome: 'Succeeded' })
    world.kill()
  })

  test('runProxy() keeps label and nodestatus of a failed node without a claim', async () => {
    const failPrepare = () =>
      new OsError('integrity', { code: 'image-digest-mismatch', message: 'differs' })
    const world = await upgrade({ failPrepare }, null)
    await world.clock.advance(60_000)
    expect(await world.verdict()).toMatchObject({
      outcome: 'Failed',
      reason: 'ImageDigestMismatch',
    })
    expect((await world.instance())?.spec?.nodestatus).toBe('upgrade')
    const node = await world.node()
    expect([node.metadata.labels?.[LABELS.upgrading], node.spec?.unschedulable]).toEqual([
      '',
      undefined,
    ])
    expect(world.calls.filter((call) => call === 'prepare')).toHaveLength(1)
    world.kill()
  })

  test('runProxy() aborts when the OS object goes before the node is armed', async () => {
    const world = new ProxyWorld()
    await world.start()
    await world.assign('claim-1')
    await world.until('preparing', () => world.calls.includes('prepare'))
    await world.admin.delete(OSES, { name: 'os', namespace: 'default' })
    await world.until('clean', () => world.isClean())
    expect(await world.verdict()).toMatchObject({ outcome: 'Aborted', reason: 'OsDeleted' })
    expect(world.calls).toEqual(['prepare', 'cancel'])
    world.kill()
  })

  test('runProxy() stops a drain at its deadline, uncordons, and goes on when the budget allows', async () => {
    const world = new ProxyWorld()
    await world.start({ rollout: { drain: { timeoutSeconds: 60, onTimeout: 'Stop' } } })
    await world.addPod('web')
    await world.admin.create(BUDGETS, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'web' } } },
      status: { disruptionsAllowed: 0 },
    })
    await world.assign('claim-1')
    await world.until('cordoned', async () => (await world.node()).spec?.unschedulable === true)
    await world.until('stopped', async () => ((await world.operation())?.drainStops ?? 0) > 0)
    expect((await world.node()).spec?.unschedulable).not.toBe(true)
    await world.until('the status names it', async () =>
      JSON.stringify((await world.instance())?.status?.conditions).includes('default/web'),
    )
    expect(world.calls).not.toContain('upgrade')
    await world.admin.patch(
      BUDGETS,
      { name: 'web', namespace: 'default' },
      { type: 'merge', body: { status: { disruptionsAllowed: 1 } } },
      { subresource: 'status' },
    )
    await world.until(
      'evicted',
      async () =>
        (await world.admin.get(PODS, { name: 'web', namespace: 'default' }))?.metadata
          .deletionTimestamp !== undefined,
    )
    world.server.finishPod({ name: 'web', namespace: 'default' })
    await world.until('clean', () => world.isClean())
    expect(await world.verdict()).toMatchObject({ outcome: 'Succeeded' })
    world.kill()
  })

  test("runProxy() leaves an admin's cordon as it was", async () => {
    const world = new ProxyWorld()
    await world.start()
    await world.patchNode({ spec: { unschedulable: true } })
    await world.assign('claim-1')
    await world.until(
      'idle',
      async () =>
        (await world.operation())?.endedAt !== undefined &&
        (await world.node()).metadata.labels?.[LABELS.upgrading] === undefined,
    )
    expect(await world.verdict()).toMatchObject({ outcome: 'Succeeded' })
    expect((await world.node()).spec?.unschedulable).toBe(true)
    world.kill()
  })

  test('runProxy() writes no pruned status twice', async () => {
    let statusWrites = 0
    const world = await upgrade({
      pruneStatus: (plural, status) => {
        if (plural !== 'osinstances') return undefined
        const { sysconfigs, upgradeconfigs } = status as {
          sysconfigs?: object
          upgradeconfigs?: object
        }
        return { ...(sysconfigs && { sysconfigs }), ...(upgradeconfigs && { upgradeconfigs }) }
      },
      onRequest: (request) =>
        void (statusWrites += request.resource === 'osinstances/status' ? 1 : 0),
    })
    await world.until('clean', () => world.isClean())
    // One mirror by each of the two processes, and the two sets of settings.
    expect(statusWrites).toBe(4)
    world.kill()
  })

  test('runProxy() never arms what was edited behind a silent watch', async () => {
    const world = new ProxyWorld()
    await world.start()
    await world.assign('claim-1')
    await world.until('preparing', () => world.calls.includes('prepare'))
    world.server.silenceWatches()
    await world.patchOs({ spec: { osversion: 'KubeOS v3' } })
    await world.until('clean', () => world.isClean())
    expect(world.calls).toEqual(['prepare', 'prepare', 'upgrade'])
    expect([world.machine.runs, world.machine.boots]).toEqual(['KubeOS v3', 2])
    world.kill()
  })

  test('runProxy() works where it may neither list nor watch', async () => {
    const rules = ({ verb, resource }: FakeRequest) =>
      resource === 'pods' || (verb !== 'watch' && verb !== 'list')
    const world = await upgrade({ rules })
    await world.until('clean', () => world.isClean())
    expect(await world.verdict()).toMatchObject({ outcome: 'Succeeded' })
    world.kill()
  })

  test('runProxy() frees a node whose agent refuses to arm', async () => {
    const failActivate = () =>
      new OsError('integrity', { code: 'slot-changed', message: 'slot content differs' })
    const world = await upgrade({ failActivate })
    await world.until('clean', () => world.isClean())
    expect(await world.verdict()).toMatchObject({ outcome: 'Failed', reason: 'SlotChanged' })
    expect([world.machine.runs, world.machine.boots]).toEqual([V1, 1])
    world.kill()
  })

  test('runProxy() reports to the agent each 10 s of a trial, and at once when the node changes', async () => {
    const world = new ProxyWorld({ trial: 'InTrial' })
    await world.start()
    await world.assign('claim-1')
    await world.until('reported', () => world.reports.length > 0)
    await world.pass(9000)
    expect(world.reports).toEqual([true])
    await world.pass(3000)
    expect(world.reports).toEqual([true, true])
    const conditions = [{ type: 'Ready', status: 'False', reason: 'KubeletNotReady' }]
    const change = { type: 'merge', body: { status: { conditions } } } as const
    await world.admin.patch(NODES, { name: NODE }, change, { subresource: 'status' })
    await world.pass(2000)
    expect(world.reports).toEqual([true, true, false])
    expect((await world.operation())?.phase).toBe('Trial')
    world.kill()
  })

  test('runProxy() asks nothing of anybody while it is idle', async () => {
    let requests = 0
    const world = new ProxyWorld({ onRequest: () => void (requests += 1) })
    await world.start()
    await world.pass(10_000)
    requests = 0
    // Heartbeats of the kubelet change the node and wake nobody.
    const heartbeat = { type: 'Ready', status: 'True', lastHeartbeatTime: '2026-01-01T00:00:30Z' }
    const change = { type: 'merge', body: { status: { conditions: [heartbeat] } } } as const
    await world.admin.patch(NODES, { name: NODE }, change, { subresource: 'status' })
    await world.pass(60_000)
    expect(requests).toBe(0)
    world.kill()
  })

  test('runProxy() creates its OSInstance as documented before any OS object exists', async () => {
    const world = new ProxyWorld()
    await world.start()
    expect(await world.instance()).toMatchObject({
      metadata: { name: NODE, namespace: 'default', labels: { [LABELS.osInstanceNode]: NODE } },
      spec: { nodestatus: 'idle' },
    })
    world.kill()
  })
})

function isWrite(verb: string): boolean {
  return verb === 'patch' || verb === 'create' || verb === 'update'
}
