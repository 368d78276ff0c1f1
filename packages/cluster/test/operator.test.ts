// The whole operator against a fake API server: checklists A and B of the contract, and what beyond
// them the decisions demand.
import { afterEach, describe, expect, test } from 'bun:test'
import { LABELS, OS_ANNOTATIONS, OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { Configs, OsSpec } from '@kubenest/api/os/os'
import { OperatorWorld, type WorldOptions } from './operator-world.ts'

const V1 = 'KubeOS v1'
const V2 = 'KubeOS v2'
const worlds: OperatorWorld[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

function makeWorld(options: WorldOptions = {}): OperatorWorld {
  const world = new OperatorWorld(options)
  worlds.push(world)
  return world
}

function upgrade(spec: Partial<OsSpec> = {}): OsSpec {
  return { opstype: 'upgrade', osversion: V2, maxunavailable: 1, ...spec }
}

const settings = (version: string): Configs => ({
  version,
  configs: [
    { model: 'grub.cmdline.current', contents: [{ key: 'a', value: '1' }] },
    { model: 'grub.cmdline.next', contents: [{ key: 'b', value: '2' }, { key: 'bare' }] },
  ],
})

describe('operator, checklist A', () => {
  test('operator() A1 rolls back with nodestatus upgrade', async () => {
    const world = makeWorld()
    for (const name of ['n1', 'n2']) {
      await world.node(name, V2)
      await world.instance(name, { nodestatus: 'idle' }, 'ns')
    }
    world.start()
    await world.os(
      'o',
      {
        opstype: 'rollback',
        osversion: V1,
        maxunavailable: 3,
        sysconfigs: { version: 'v1', configs: [] },
      },
      'ns',
    )
    await world.run()
    for (const name of ['n1', 'n2'])
      expect((await world.getInstance(name, 'ns')).spec?.nodestatus).toBe('upgrade')
  })

  test('operator() A2 assigns settings of another version', async () => {
    const world = makeWorld()
    for (const name of ['n1', 'n2']) {
      await world.node(name, V1)
      await world.instance(name, { nodestatus: 'idle', sysconfigs: { version: 'v1' } })
    }
    world.start()
    await world.os('o', {
      opstype: 'config',
      osversion: V1,
      maxunavailable: 3,
      sysconfigs: settings('v2'),
    })
    await world.run()
    const { spec } = await world.getInstance('n2')
    expect([spec?.nodestatus, spec?.sysconfigs?.version]).toEqual(['config', 'v2'])
    expect(spec?.sysconfigs?.configs?.[0]?.model).toBe('grub.cmdline.current')
    expect(await world.labelled('configuring')).toEqual(['n1', 'n2'])
  })

  test('operator() A3 leaves a node without OSInstance alone and survives an unknown opstype', async () => {
    const world = makeWorld()
    await world.node('n1', V1)
    world.start()
    await world.os('o', upgrade())
    await world.run()
    expect(await world.labelled()).toEqual([])
    expect((await world.getOs('o')).status?.reasons?.[0]?.reason).toBe('NoOSInstance')
    await world.changeOs('o', { spec: { opstype: 'destroy' } })
    await world.run(2000)
    expect(await world.condition('o', 'Degraded')).toBe('True/InvalidSpec')
  })

  test('operator() A4 swaps grub entries of sysconfigs only, and never in the OS object', async () => {
    const world = makeWorld()
    for (const name of ['n1', 'n2']) {
      await world.node(name, V1)
      await world.instance(name, { nodestatus: 'idle', sysconfigs: { version: 'v1' } })
    }
    world.start()
    await world.os(
      'o',
      upgrade({ maxunavailable: 3, sysconfigs: settings('v2'), upgradeconfigs: settings('v2') }),
    )
    await world.run()
    const models = (configs?: Configs) => configs?.configs?.map(({ model }) => model)
    const { spec } = await world.getInstance('n1')
    expect(models(spec?.sysconfigs)).toEqual(['grub.cmdline.next', 'grub.cmdline.current'])
    expect(models(spec?.upgradeconfigs)).toEqual(['grub.cmdline.current', 'grub.cmdline.next'])
    expect(models((await world.getOs('o')).spec?.sysconfigs)).toEqual([
      'grub.cmdline.current',
      'grub.cmdline.next',
    ])
  })

  for (const [title, spec, label] of [
    [
      'A5 upgrades',
      upgrade({ sysconfigs: settings('v2'), upgradeconfigs: settings('v2') }),
      'upgrading',
    ],
    [
      'A6 configures',
      { opstype: 'config', osversion: V1, maxunavailable: 1, sysconfigs: settings('v2') } as OsSpec,
      'configuring',
    ],
  ] as const)
    test(`operator() ${title} only the selected node`, async () => {
      const world = makeWorld()
      await world.node('n1', V1, { [LABELS.nodeSelector]: 'openeuler' })
      await world.node('n2', V1)
      for (const name of ['n1', 'n2'])
        await world.instance(name, { nodestatus: 'idle', sysconfigs: { version: 'v1' } })
      world.start()
      await world.os('o', { ...spec, nodeselector: 'openeuler' })
      await world.run()
      expect(await world.labelled(label)).toEqual(['n1'])
      expect((await world.getInstance('n1')).spec?.sysconfigs?.version).toBe('v2')
      const other = (await world.getInstance('n2')).spec
      expect([other?.nodestatus, other?.sysconfigs?.version]).toEqual(['idle', 'v1'])
    })

  test('operator() A8 A9 goes on when lists fail at first', async () => {
    let failing = 6
    const world = makeWorld({
      fault: ({ verb }) => (verb === 'list' && (failing -= 1) > 0 ? 'fail-before' : 'none'),
    })
    failing = 0
    await world.nodes(['n1'], V1)
    failing = 6
    world.start()
    await world.os('o', upgrade())
    await world.run(60_000)
    failing = 0
    expect(await world.labelled()).toEqual(['n1'])
  })
})

describe('operator, checklist B', () => {
  test('operator() B1 starts at most the cap, in the order of names, and goes on by itself', async () => {
    const world = makeWorld()
    await world.nodes(['n3', 'n1', 'n4', 'n2'], V1)
    world.start()
    await world.os('o', upgrade({ maxunavailable: 2 }))
    await world.run()
    expect(await world.labelled()).toEqual(['n1', 'n2'])
    await world.run(60_000)
    expect(await world.labelled()).toEqual(['n1', 'n2'])
    await world.finish('n1', V2)
    await world.run()
    expect(await world.labelled()).toEqual(['n2', 'n3'])
    for (const name of ['n2', 'n3']) await world.finish(name, V2)
    await world.run()
    await world.finish('n4', V2)
    await world.run(3000)
    expect(await world.claims('o')).toEqual([])
    expect(await world.condition('o', 'Progressing')).toBe('False/Complete')
    expect(await world.condition('o', 'Available')).toBe('True/UpToDate')
  })

  test('operator() B2 takes a cap above the number of nodes', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2'], V1)
    world.start()
    await world.os('o', upgrade({ maxunavailable: 10 }))
    await world.run()
    expect(await world.labelled()).toEqual(['n1', 'n2'])
  })

  for (const [title, spec] of [
    ['B3 a cap of 0', { maxunavailable: 0 }],
    ['B3 a cap of -1', { maxunavailable: -1 }],
    ['B7 a selector that is no label value', { nodeselector: 'bad value!' }],
    ['B10 an unknown opstype', { opstype: 'destroy' as 'upgrade' }],
    ['B12 an invalid window', { timewindow: { starttime: '25:00:00', endtime: '01:00:00' } }],
  ] as const)
    test(`operator() ${title} starts nothing and says what to correct`, async () => {
      const world = makeWorld()
      await world.nodes(['n1'], V1)
      world.start()
      await world.os('o', upgrade(spec))
      await world.run(20_000)
      expect(await world.labelled()).toEqual([])
      expect(await world.condition('o', 'Degraded')).toBe('True/InvalidSpec')
    })

  test('operator() B4 goes on with other nodes, and takes the one without OSInstance when it appears', async () => {
    const world = makeWorld()
    await world.node('n1', V1)
    await world.nodes(['n2'], V1)
    world.start()
    await world.os('o', upgrade({ maxunavailable: 2 }))
    await world.run()
    expect(await world.labelled()).toEqual(['n2'])
    await world.instance('n1')
    await world.run()
    expect(await world.labelled()).toEqual(['n1', 'n2'])
  })

  test('operator() B5 never touches control-plane nodes', async () => {
    const world = makeWorld()
    await world.node('n1', V1, { [LABELS.controlPlane]: '' })
    await world.instance('n1')
    await world.nodes(['n2'], V1)
    world.start()
    await world.os('o', upgrade({ maxunavailable: 2 }))
    await world.run()
    expect(await world.labelled()).toEqual(['n2'])
  })

  test('operator() B8 blocks both of two objects with one selector, naming the other', async () => {
    const world = makeWorld()
    await world.nodes(['n1'], V1)
    await world.os('a', upgrade())
    await world.os('b', upgrade({ osversion: 'KubeOS v3' }))
    world.start()
    await world.run()
    expect(await world.labelled()).toEqual([])
    const { status } = await world.getOs('a')
    expect(status?.conditions?.find(({ type }) => type === 'Degraded')?.message).toContain(
      'default/b',
    )
    await world.remove('os', 'b')
    await world.run(2000)
    expect(await world.labelled()).toEqual(['n1'])
  })

  test('operator() B9 lets the older of two overlapping objects work, and the newer wait', async () => {
    const world = makeWorld()
    await world.nodes(['n1'], V1)
    world.start()
    await world.os('z-old', upgrade())
    await world.run(2000)
    await world.os('a-new', upgrade({ nodeselector: 'all-label', osversion: 'KubeOS v3' }))
    await world.finish('n1', V2)
    await world.run(5000)
    expect(await world.labelled()).toEqual([])
    expect(await world.condition('a-new', 'Degraded')).toBe('True/SelectorOverlap')
    expect(await world.condition('z-old', 'Progressing')).toBe('False/Complete')
  })

  test('operator() B10 treats an empty executionmode as parallel', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2'], V1)
    world.start()
    await world.os('o', upgrade({ executionmode: '', maxunavailable: 2 }))
    await world.run()
    expect(await world.labelled()).toEqual(['n1', 'n2'])
  })

  test('operator() B11 waits timeinterval between batches when it is above 15', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2'], V1)
    world.start()
    await world.os('o', upgrade({ timeinterval: 40 }))
    await world.run()
    await world.finish('n1', V2)
    await world.run(37_000)
    expect(await world.labelled()).toEqual([])
    expect(await world.condition('o', 'Progressing')).toBe('True/Interval')
    await world.stop()
    world.start()
    await world.run(500)
    expect(await world.labelled()).toEqual([])
    await world.run(3000)
    expect(await world.labelled()).toEqual(['n2'])
  })

  test('operator() B13 waits for the window and opens it on time', async () => {
    const world = makeWorld({ startMs: Date.parse('2026-01-01T10:00:00Z') })
    await world.nodes(['n1'], V1)
    world.start()
    await world.os('o', upgrade({ timewindow: { starttime: '11:00:00', endtime: '12:00:00' } }))
    await world.run(3_599_000)
    expect(await world.labelled()).toEqual([])
    expect((await world.getOs('o')).status?.nextActionTime).toBe('2026-01-01T11:00:01Z')
    await world.run(4000)
    expect(await world.labelled()).toEqual(['n1'])
  })

  test('operator() B14 works off a serial batch one by one and pauses after the batch only', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2', 'n3', 'n4'], V1)
    world.start()
    await world.os('o', upgrade({ executionmode: 'serial', maxunavailable: 2, timeinterval: 60 }))
    await world.run()
    expect([await world.labelled('serial'), await world.labelled()]).toEqual([['n1', 'n2'], ['n1']])
    await world.finish('n1', V2)
    await world.run()
    expect([await world.labelled('serial'), await world.labelled()]).toEqual([['n1', 'n2'], ['n2']])
    await world.finish('n2', V2)
    await world.run()
    expect([await world.labelled('serial'), await world.labelled()]).toEqual([[], []])
    await world.run(57_000)
    expect(await world.labelled('serial')).toEqual([])
    await world.run(4000)
    expect([await world.labelled('serial'), await world.labelled()]).toEqual([['n3', 'n4'], ['n3']])
  })

  test('operator() B15 labels all of a serial configuration and removes the labels at the end', async () => {
    const world = makeWorld()
    await world.nodes(['n1', 'n2', 'n3'], V1)
    world.start()
    await world.os('o', {
      opstype: 'config',
      osversion: V1,
      maxunavailable: 3,
      executionmode: 'serial',
      sysconfigs: settings('v2'),
    })
    await world.run()
    for (const name of ['n1', 'n2', 'n3']) {
      expect(await world.labelled('serial')).toEqual(['n1', 'n2', 'n3'])
      expect(await world.labelled('configuring')).toEqual([name])
      await world.finish(name, V1)
      await world.run()
    }
    expect(await world.labelled('serial')).toEqual([])
  })

  test('operator() B16 assigns settings whatever the version of the node is', async () => {
    const world = makeWorld()
    await world.nodes(['n1'], V1)
    world.start()
    await world.os('o', {
      opstype: 'config',
      osversion: 'KubeOS v9',
      maxunavailable: 1,
      sysconfigs: settings('v2'),
    })
    await world.run()
    expect(await world.labelled('configuring')).toEqual(['n1'])
  })

  test('operator() B17 B18 serves an OS of another namespace and copies contents without value', async () => {
    const world = makeWorld()
    await world.nodes(['n1'], V1)
    world.start()
    await world.os('o', upgrade({ sysconfigs: settings('v2') }), 'other')
    await world.run()
    const { spec } = await world.getInstance('n1')
    expect(spec?.namespacedname).toEqual({ name: 'o', namespace: 'other' })
    expect(spec?.sysconfigs?.configs?.[1]?.contents?.[1]).toEqual({ key: 'bare' })
  })
})

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
