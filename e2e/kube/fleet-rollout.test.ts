// Rollouts over a light fleet that go well: parallel, serial, rollback, and what holds them back.
import { expect } from 'bun:test'
import { spawnSync } from 'node:child_process'
import {
  applyOs,
  bootCounts,
  expectCapKept,
  type Fleet,
  NODE_NAMES,
  readNodes,
  readOs,
  rollbackTo,
  scenario,
  until,
  untilAllRun,
  untilCondition,
  upgradeTo,
  versionsOf,
} from './fleet.ts'

/** Long enough for an operator that reacts to events within milliseconds to do the wrong thing. */
const NOTHING_STARTS_MS = 3000

scenario('a parallel upgrade keeps its cap at every resource version', async (fleet) => {
  const { other } = await versionsOf(fleet)
  const [mark, boots] = [fleet.history.mark(), bootCounts(fleet)]
  applyOs(fleet, 'parallel', upgradeTo(fleet, other, { maxunavailable: 2 }))
  await untilAllRun(fleet, `KubeOS ${other}`)
  await untilCondition(fleet, 'parallel', ['Progressing', 'False', 'Complete'])
  await expectCapKept(fleet, mark, 2)
  for (const name of NODE_NAMES) expect(bootCounts(fleet)[name]).toBe((boots[name] ?? 0) + 1)
  expect((await readOs(fleet, 'parallel')).status).toMatchObject({
    nodes: 4,
    updated: 4,
    failed: 0,
  })
})

scenario(
  'a serial rollback takes one node after the other, by name, and loads nothing',
  async (fleet) => {
    const { other } = await versionsOf(fleet)
    const mark = fleet.history.mark()
    applyOs(fleet, 'serial', rollbackTo(other, { executionmode: 'serial', maxunavailable: 2 }))
    await untilAllRun(fleet, `KubeOS ${other}`)
    await expectCapKept(fleet, mark, 1)
    expect(fleet.history.claimsSince(mark).map(({ node }) => node)).toEqual(NODE_NAMES)
    await until(fleet, 'no serial label is left', 10_000, async () => {
      const left = (await readNodes(fleet)).filter(
        ({ metadata }) => 'upgrade.openeuler.org/serial' in (metadata.labels ?? {}),
      )
      return left.length === 0 ? true : undefined
    })
  },
)

scenario('a time window gates starts, to the second, and says when it opens', async (fleet) => {
  const { other } = await versionsOf(fleet)
  const mark = fleet.history.mark()
  const far = { starttime: wallClock(3 * 3600), endtime: wallClock(4 * 3600) }
  const spec = upgradeTo(fleet, other, { executionmode: 'serial', maxunavailable: 1 })
  applyOs(fleet, 'window', { ...spec, timewindow: far })
  const message = await untilCondition(fleet, 'window', ['Progressing', 'True', 'WindowClosed'])
  expect(message).toContain(`${far.starttime} to ${far.endtime}`)
  await expectNothingStarts(fleet, mark)
  const { status } = await readOs(fleet, 'window')
  const inHours = (Date.parse(status?.nextActionTime ?? '') - Date.now()) / 3600_000
  expect(inHours).toBeGreaterThan(2.9)
  expect(inHours).toBeLessThan(3.1)
  expect(status).toMatchObject({ nodes: 4, updated: 0, updating: 0, waiting: 4 })

  const [opensMs, closesMs] = [Date.now() + 5000, Date.now() + 12_000]
  const soon = { starttime: wallClock(5), endtime: wallClock(12) }
  applyOs(fleet, 'window', { ...spec, timewindow: soon })
  await until(fleet, 'the window opens by itself', 20_000, () =>
    fleet.history.claimsSince(mark).length > 0 ? true : undefined,
  )
  await until(fleet, 'the window is closed again and no node is at work', 60_000, async () => {
    const { status } = await readOs(fleet, 'window')
    return Date.now() > closesMs && status?.updating === 0 ? true : undefined
  })
  await untilCondition(fleet, 'window', ['Progressing', 'True', 'WindowClosed'])
  await expectNothingStarts(fleet, fleet.history.mark())
  for (const { at } of fleet.history.claimsSince(mark)) {
    expect(Date.parse(at)).toBeGreaterThan(opensMs - 1000)
    expect(Date.parse(at)).toBeLessThan(closesMs + 1000)
  }
  const begun = fleet.history.claimsSince(mark).length
  expect((await readOs(fleet, 'window')).status).toMatchObject({
    updated: begun,
    waiting: 4 - begun,
  })
  await expectCapKept(fleet, mark, 1)
  applyOs(fleet, 'window', upgradeTo(fleet, other, { maxunavailable: NODE_NAMES.length }))
  await untilAllRun(fleet, `KubeOS ${other}`)
})

scenario('equal selectors block both objects, by name, until one is gone', async (fleet) => {
  const { other } = await versionsOf(fleet)
  const mark = fleet.history.mark()
  // Paused, so that the first one starts nothing before its twin is there.
  applyOs(fleet, 'twin-a', upgradeTo(fleet, other, { rollout: { paused: true } }))
  applyOs(fleet, 'twin-b', upgradeTo(fleet, other))
  const conflict = ['Degraded', 'True', 'SelectorConflict'] as const
  expect(await untilCondition(fleet, 'twin-a', conflict)).toContain('default/twin-b')
  expect(await untilCondition(fleet, 'twin-b', conflict)).toContain('default/twin-a')
  applyOs(fleet, 'twin-a', upgradeTo(fleet, other, { rollout: { paused: false } }))
  await expectNothingStarts(fleet, mark)
  applyOs(fleet, 'twin-a', upgradeTo(fleet, other, { rollout: { paused: true } }))
  fleet.lab.kubectl(['delete', 'os', 'twin-b'])
  await untilCondition(fleet, 'twin-a', ['Paused', 'True', 'PausedByUser'])
  await untilCondition(fleet, 'twin-a', ['Degraded', 'False', 'AsExpected'])
  await expectNothingStarts(fleet, mark)
})

scenario(
  'an object for all labels gives way to the older one that shares a node',
  async (fleet) => {
    const { other } = await versionsOf(fleet)
    const mark = fleet.history.mark()
    const spec = upgradeTo(fleet, other, { rollout: { paused: true } })
    applyOs(fleet, 'older', spec)
    await untilCondition(fleet, 'older', ['Paused', 'True', 'PausedByUser'])
    // Creation times count whole seconds.
    await Bun.sleep(1100)
    applyOs(fleet, 'newer', upgradeTo(fleet, other, { nodeselector: 'all-label' }))
    const sentence = await untilCondition(fleet, 'newer', ['Degraded', 'True', 'SelectorOverlap'])
    expect(sentence).toContain('default/older')
    expect(sentence).toMatch(/Node light-[1-4] is also selected/)
    await expectNothingStarts(fleet, mark)
    await untilCondition(fleet, 'older', ['Degraded', 'False', 'AsExpected'])
  },
)

/** What `date` on this machine shows in some seconds: the operator's local time. */
function wallClock(inSeconds: number): string {
  const date = spawnSync('date', ['-d', `+${inSeconds} seconds`, '+%T'], {
    env: {},
    encoding: 'utf8',
  })
  return date.stdout.trim()
}

async function expectNothingStarts(fleet: Fleet, mark: number): Promise<void> {
  const before = fleet.history.claimsSince(mark).length
  await Bun.sleep(NOTHING_STARTS_MS)
  await fleet.history.caughtUp()
  expect(fleet.history.claimsSince(mark)).toHaveLength(before)
}
