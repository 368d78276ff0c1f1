// The whole operator against a fake API server, beyond the checklists of the contract: what the
// decisions demand.
import { describe, expect, test } from 'bun:test'
import { LABELS, OS_ANNOTATIONS, OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import { V1, V2, endWorldsAfterEach, makeWorld, upgrade } from './operator-scenes.ts'

endWorldsAfterEach()

describe('operator, beyond the checklists', () => {
  test('operator() halts after a node fell back, and tries it again only with leave', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2'], V1)
    world.start()
    await world.os('o', upgrade())
    await world.run()
    await world.finish('n1', V2, 'FellBack')
    await world.run(30_000)
    expect(await world.labelled()).toEqual([])
    expect(await world.condition('o', 'Paused')).toBe('True/Halted')
    const { status } = await world.getOs('o')
    expect([status?.failed, status?.updated, status?.waiting]).toEqual([1, 0, 1])
    const grant = {
      token: 't1',
      image: { digest: '', version: V2 },
      nodes: ['n1'],
      at: '2026-01-01T00:00:00Z',
    }
    await world.changeOs('o', {
      metadata: { annotations: { [OS_ANNOTATIONS.attempt]: JSON.stringify(grant) } },
    })
    await world.run()
    expect(await world.labelled()).toEqual(['n1'])
    expect((await world.claims('o'))[0]?.attempt).toBe('t1')
    await world.finish('n1', V2, 'FellBack')
    await world.run(30_000)
    expect(await world.labelled()).toEqual([])
    expect(await world.condition('o', 'Paused')).toBe('True/Halted')
  })

  test('operator() starts clean with another image, and stays halted when the bad one is asked for again', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2'], V1)
    world.start()
    await world.os('o', upgrade({ osversion: 'KubeOS v3' }))
    await world.run()
    await world.finish('n1', 'KubeOS v3', 'FellBack')
    await world.run(2000)
    await world.changeOs('o', { spec: { osversion: V2 } })
    await world.run()
    for (const name of ['n1', 'n2']) {
      expect(await world.labelled()).toEqual([name])
      await world.finish(name, V2)
      await world.run()
    }
    await world.changeOs('o', { spec: { osversion: 'KubeOS v3' } })
    await world.run(5000)
    expect(await world.labelled()).toEqual([])
    expect(await world.condition('o', 'Paused')).toBe('True/Halted')
  })

  test('operator() goes on without a skipped node', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2'], V1)
    world.start()
    await world.os('o', upgrade())
    await world.run()
    await world.finish('n1', V2, 'Skipped')
    await world.run()
    expect(await world.labelled()).toEqual(['n2'])
  })

  test('operator() starts nothing while paused and goes on afterwards', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2'], V1)
    world.start()
    await world.os('o', upgrade({ rollout: { paused: true } }))
    await world.run(5000)
    expect(await world.labelled()).toEqual([])
    expect(await world.condition('o', 'Paused')).toBe('True/PausedByUser')
    await world.changeOs('o', { spec: { rollout: { paused: false } } })
    await world.run()
    expect(await world.labelled()).toEqual(['n1'])
  })

  test('operator() counts nodes of another operator as busy and claims within the cap', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2', 'n3'], V1)
    await world.changeInstance('n3', {
      spec: { nodestatus: 'upgrade', namespacedname: { name: 'o', namespace: 'default' } },
    })
    await world.changeNode('n3', { metadata: { labels: { [LABELS.upgrading]: '' } } })
    world.start()
    await world.os('o', upgrade({ maxunavailable: 2 }))
    await world.run(5000)
    expect(await world.labelled()).toEqual(['n1', 'n3'])
    expect((await world.claims('o')).map(({ node }) => node)).toEqual(['n1'])
  })

  test('operator() drops claims of a foreign OS object', async () => {
    const world = makeWorld()
    await world.nodes(['n1'], V1)
    const foreign = [
      {
        id: 'x',
        node: 'n1',
        nodeUid: 'u',
        osUid: 'other',
        operation: 'upgrade',
        wasUnschedulable: false,
        bootId: 'b',
        at: '2026-01-01T00:00:00Z',
        image: { digest: '', version: V2 },
      },
    ]
    await world.os('o', upgrade())
    await world.changeOs('o', {
      metadata: { annotations: { [OS_ANNOTATIONS.claims]: JSON.stringify(foreign) } },
    })
    world.start()
    await world.run()
    expect((await world.claims('o')).map(({ id }) => id)).toEqual(['operator-1'])
  })

  test('operator() counts a node of a foreign proxy as failed that rebooted into its old version', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2'], V1)
    world.start()
    await world.os('o', upgrade())
    await world.run()
    await world.changeNode('n1', { metadata: { annotations: { touched: '1' } } })
    const status = { nodeInfo: { osImage: V1, bootID: 'boot-n1-2' } }
    await world.setNodeStatus('n1', status)
    await world.run(290_000)
    expect(await world.record('o').then((record) => record?.failures)).toEqual([])
    await world.run(60_000)
    expect((await world.record('o'))?.failures[0]?.reason).toBe('PeerReturnedToOldVersion')
    expect(await world.condition('o', 'Paused')).toBe('True/Halted')
    expect(await world.labelled()).toEqual(['n1'])
  })

  test('operator() works on one node at a time where it may not patch OS objects', async () => {
    const world = makeWorld({
      rules: ({ verb, resource }) => !(verb === 'patch' && resource === 'os'),
    })
    await world.nodes(['n1', 'n2', 'n3'], V1)
    world.start()
    await world.os('o', upgrade({ maxunavailable: 3 }))
    await world.run(5000)
    expect(await world.labelled()).toEqual(['n1'])
    expect(await world.condition('o', 'Degraded')).toBe('True/NoClaimRight')
    await world.finish('n1', V2)
    await world.run(2000)
    expect(await world.labelled()).toEqual(['n2'])
    await world.finish('n2', V2, 'FellBack')
    await world.run(2000)
    expect(await world.labelled()).toEqual([])
  })

  test('operator() outlives the moment in which a new API server refuses everybody', async () => {
    let isStarting = true
    const world = makeWorld({
      rules: ({ verb, resource }) =>
        !(isStarting && verb === 'patch' && /^os(\/|$)/.test(resource)),
    })
    await world.nodes(['n1', 'n2', 'n3'], V1)
    world.start()
    await world.os('o', upgrade({ maxunavailable: 2 }))
    await world.run(2000)
    expect(await world.labelled()).toEqual(['n1'])
    isStarting = false
    await world.run(35_000)
    expect(await world.labelled()).toEqual(['n1', 'n2'])
    expect(await world.condition('o', 'Degraded')).toBe('False/AsExpected')
  })

  test('operator() writes no status twice where the CRD prunes it', async () => {
    const world = makeWorld({ pruneStatus: (plural) => (plural === 'os' ? {} : undefined) })
    await world.nodes(['n1', 'n2'], V1)
    world.start()
    await world.os('o', upgrade())
    await world.run(5000)
    await world.finish('n1', V2)
    await world.run(5000)
    expect(world.writes().filter(({ resource }) => resource === 'os/status').length).toBe(1)
    expect(await world.labelled()).toEqual(['n2'])
  })

  test('operator() needs at most three writes per node and none when idle', async () => {
    const world = makeWorld()
    const names = Array.from({ length: 20 }, (_, index) => `n${10 + index}`)
    await world.nodes(names, V1)
    world.start()
    await world.os('o', upgrade({ maxunavailable: 5 }))
    for (let round = 0; round < 4; round += 1) {
      await world.run(300)
      for (const name of await world.labelled()) await world.finish(name, V2)
    }
    await world.run(5000)
    expect(await world.condition('o', 'Progressing')).toBe('False/Complete')
    const count = world.writes().length
    expect(count).toBeLessThanOrEqual(3 * names.length)
    await world.run(3_600_000)
    expect(world.writes().length).toBe(count)
  })

  test('operator() deletes OSInstances of nodes that are gone, also those missed while it was down', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2', 'n3'], V1)
    await world.remove('node', 'n1')
    world.start()
    await world.run()
    expect(await world.findInstance('n1')).toBeUndefined()
    await world.remove('node', 'n2')
    await world.run()
    expect(await world.findInstance('n2')).toBeUndefined()
    expect(await world.findInstance('n3')).toBeDefined()
  })

  test('operator() frees a node whose OS object was deleted and whose proxy is gone, and leaves a foreign cordon', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2'], V1)
    world.start()
    await world.os('o', upgrade({ maxunavailable: 2 }))
    await world.run()
    const claim =
      (await world.getInstance('n1')).metadata.annotations?.[OS_INSTANCE_ANNOTATIONS.claim] ?? ''
    const cordon = (by: string) => ({
      metadata: { annotations: { 'kubenest.io/cordoned-by': by } },
      spec: { unschedulable: true },
    })
    await world.changeNode('n1', cordon(claim))
    await world.changeNode('n2', cordon('somebody'))
    await world.remove('os', 'o')
    await world.run(290_000)
    expect(await world.labelled()).toEqual(['n1', 'n2'])
    await world.run(20_000)
    expect(await world.labelled()).toEqual([])
    expect((await world.getInstance('n1')).spec?.nodestatus).toBe('idle')
    expect((await world.getNode('n1')).spec?.unschedulable).toBeUndefined()
    expect((await world.getNode('n2')).spec?.unschedulable).toBe(true)
  })

  test('operator() repairs a label that was not written, and ends a claim that is no longer wanted', async () => {
    let isFailing = true
    const world = makeWorld({
      fault: ({ verb, resource }) =>
        isFailing && verb === 'patch' && resource === 'nodes' ? 'fail-before' : 'none',
    })
    await world.nodes(['n1'], V1)
    world.start()
    await world.os('o', upgrade())
    await world.run(5000)
    expect((await world.getInstance('n1')).spec?.nodestatus).toBe('upgrade')
    isFailing = false
    await world.run(20_000)
    expect(await world.labelled()).toEqual(['n1'])
  })

  test('operator() keeps the cap with two operators that see the past', async () => {
    const world = makeWorld({ watchLagMs: () => 700 })
    await world.nodes(['n1', 'n2', 'n3', 'n4'], V1)
    world.start('a')
    world.start('b')
    await world.os('o', upgrade({ maxunavailable: 2 }))
    for (let round = 0; round < 40; round += 1) {
      await world.run(250)
      expect((await world.claims('o')).length).toBeLessThanOrEqual(2)
      const labelled = await world.labelled()
      expect(labelled.length).toBeLessThanOrEqual(2)
      if (round % 5 === 4 && labelled[0] !== undefined) await world.finish(labelled[0], V2)
    }
    await world.run(10_000)
    expect(await world.condition('o', 'Progressing')).toBe('False/Complete')
  })
})
