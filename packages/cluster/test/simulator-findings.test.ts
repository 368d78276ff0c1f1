// Faults of the operator that seeds of the simulator have found, each as one plain story.
import { describe, expect, test } from 'bun:test'
import { LABELS } from '@kubenest/api/os/names'
import { OperatorWorld } from './operator-world.ts'

const SPEC = {
  opstype: 'upgrade',
  osversion: 'v2',
  maxunavailable: 1,
  imagetype: 'disk',
  imageurl: 'https://images.example/os.img',
  checksum: 'ab'.repeat(32),
} as const

describe('runOperator() after findings of the simulator', () => {
  test('runOperator() drops the claim on a node that is no longer selected (seed 500)', async () => {
    const world = new OperatorWorld()
    await world.nodes(['n1'], 'v1')
    await world.os('os', SPEC)
    world.start()
    await world.run(2000)
    expect(await world.claims('os')).toHaveLength(1)
    await world.changeOs('os', { spec: { nodeselector: 'other' } })
    await world.run(2000)
    await world.changeInstance('n1', { spec: { nodestatus: 'idle', namespacedname: null } })
    await world.run(2000)
    // The last change of the node belongs to no OS object any more but by its claim.
    await world.changeNode('n1', { metadata: { labels: { [LABELS.upgrading]: null } } })
    await world.run(2000)
    expect(await world.claims('os')).toEqual([])
    await world.stop()
  })

  test('runOperator() takes serial labels away when the selector moves on (seed 62)', async () => {
    const world = new OperatorWorld()
    await world.nodes(['n1', 'n2'], 'v2')
    await world.os('os', { ...SPEC, executionmode: 'serial', rollout: { paused: true } })
    await world.changeNode('n1', { metadata: { labels: { [LABELS.serial]: '' } } })
    world.start()
    await world.run(2000)
    expect(await world.labelled('serial')).toEqual(['n1'])
    await world.changeOs('os', { spec: { nodeselector: 'other' } })
    await world.run(2000)
    expect(await world.labelled('serial')).toEqual([])
    await world.stop()
  })

  test('runOperator() deletes an OSInstance that came after its node went (seed 899)', async () => {
    const world = new OperatorWorld()
    await world.nodes(['n1'], 'v2')
    world.start()
    await world.run(2000)
    await world.instance('n9')
    await world.run(10_000)
    expect(await world.findInstance('n9')).toBeUndefined()
    expect(await world.findInstance('n1')).toBeDefined()
    await world.stop()
  })

  test('runOperator() waits longer each time behind a silent watch (seed 5511)', async () => {
    const world = new OperatorWorld()
    await world.nodes(['n1', 'n2'], 'v1')
    await world.os('os', { ...SPEC, rollout: { paused: true } })
    world.start()
    await world.run(2000)
    await world.changeOs('os', { spec: { rollout: { paused: false } } })
    world.server.silenceWatches()
    await world.changeOs('os', { metadata: { labels: { touched: 'yes' } } })
    const before = world.writes().length
    await world.run(60_000)
    expect(world.writes().length - before).toBeLessThan(40)
    await world.stop()
  })
})
