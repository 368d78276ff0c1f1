// The whole operator against a fake API server: checklists A and B of the contract.
import { describe, expect, test } from 'bun:test'
import { LABELS } from '@kubenest/api/os/names'
import type { Configs } from '@kubenest/api/os/os'
import type { OsSpec } from '@kubenest/api/os/os'
import { V1, V2, endWorldsAfterEach, makeWorld, settings, upgrade } from './operator-scenes.ts'

endWorldsAfterEach()

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
