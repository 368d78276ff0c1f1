// Settings over a light fleet: applied on every node without a reboot, refused whole with a reason,
// and the documented way back after a failure (contract 3.7).
import { expect } from 'bun:test'
import type { OsSpec } from '@kubenest/api/os/os'
import * as fs from 'node:fs'
import {
  applyOs,
  bootCounts,
  conditionMessage,
  expectCapKept,
  type Fleet,
  type GoodVersion,
  NODE_NAMES,
  readInstance,
  readOs,
  scenario,
  until,
  untilCondition,
  untilQuiet,
  versionsOf,
} from './fleet.ts'

const FILE = '/etc/sysctl.d/90-fleet.conf'

scenario('settings reach every node within the cap, without a reboot', async (fleet) => {
  const { now } = await versionsOf(fleet)
  const [mark, boots] = [fleet.history.mark(), bootCounts(fleet)]
  applyOs(fleet, 'tuned', configure(now, 'tuned-1', { 'vm.swappiness': 10, 'kernel.panic': '5' }))
  await untilCondition(fleet, 'tuned', ['Progressing', 'False', 'Complete'])
  await untilQuiet(fleet)
  for (const name of NODE_NAMES) {
    expect(kernelValue(fleet, name, 'vm/swappiness')).toBe('10\n')
    expect(kernelValue(fleet, name, 'kernel/panic')).toBe('5\n')
    expect(settingsFile(fleet, name)).toBe('vm.swappiness=10\nkernel.panic=5\n')
    expect((await readInstance(fleet, name)).status?.sysconfigs?.version).toBe('tuned-1')
  }
  expect(bootCounts(fleet)).toEqual(boots)
  await expectCapKept(fleet, mark, 2)
})

scenario('settings that a node refuses change nothing, and are taken back', async (fleet) => {
  const { now } = await versionsOf(fleet)
  const before = kernelValue(fleet, 'light-1', 'vm/max_map_count')
  applyOs(fleet, 'refused', configure(now, 'good', { 'vm.swappiness': 11 }))
  await untilCondition(fleet, 'refused', ['Progressing', 'False', 'Complete'])
  const mark = fleet.history.mark()

  const wrong = { 'vm.max_map_count': 70_000, 'vm.no_such_key': 1 }
  applyOs(fleet, 'refused', { ...configure(now, 'wrong', wrong), maxunavailable: 1 })
  const sentence = await untilCondition(fleet, 'refused', ['Degraded', 'True', 'NodesStuck'])
  expect(sentence).toContain('light-1')
  expect(sentence).toContain('vm.no_such_key')
  await until(fleet, 'the refusal on the OSInstance', 20_000, async () => {
    const stuck = await readInstance(fleet, 'light-1')
    const told = conditionMessage(stuck, 'Degraded', 'True')?.includes('vm.no_such_key')
    return stuck.spec?.nodestatus === 'config' && told === true ? true : undefined
  })
  for (const name of NODE_NAMES) {
    expect(kernelValue(fleet, name, 'vm/max_map_count')).toBe(before)
    expect(settingsFile(fleet, name)).not.toContain('vm.max_map_count')
    expect((await readInstance(fleet, name)).status?.sysconfigs?.version).toBe('good')
  }
  expect(fleet.history.claimsSince(mark).map(({ node }) => node)).toEqual(['light-1'])

  // Contract 3.7: the version back to the one before, then settings that are sound.
  applyOs(fleet, 'refused', configure(now, 'good', { 'vm.swappiness': 11 }))
  await untilCondition(fleet, 'refused', ['Progressing', 'False', 'Complete'])
  await untilQuiet(fleet)
  expect((await readOs(fleet, 'refused')).status).toMatchObject({ updated: 4, failed: 0 })
  applyOs(fleet, 'refused', configure(now, 'sound', { 'vm.max_map_count': 70_000 }))
  await until(fleet, 'the sound settings everywhere', 60_000, () =>
    NODE_NAMES.every((name) => kernelValue(fleet, name, 'vm/max_map_count') === '70000\n')
      ? true
      : undefined,
  )
  await untilCondition(fleet, 'refused', ['Progressing', 'False', 'Complete'])
  await untilCondition(fleet, 'refused', ['Degraded', 'False', 'AsExpected'])
})

scenario(
  'settings for an OS version that does not run are refused with the way out',
  async (fleet) => {
    const { now } = await versionsOf(fleet)
    const before = kernelValue(fleet, 'light-1', 'vm/swappiness')
    const spec = { ...configure(now, 'elsewhere', { 'vm.swappiness': 12 }), maxunavailable: 1 }
    applyOs(fleet, 'elsewhere', { ...spec, osversion: 'KubeOS v9' })
    const reason = await until(fleet, 'the OS object says to upgrade first', 60_000, async () =>
      (await readOs(fleet, 'elsewhere')).status?.reasons?.find(({ message }) =>
        message.includes('spec.osversion is "KubeOS v9"'),
      ),
    )
    expect(reason.message).toContain('upgrade first')
    expect(kernelValue(fleet, 'light-1', 'vm/swappiness')).toBe(before)
    applyOs(fleet, 'elsewhere', spec)
    await untilCondition(fleet, 'elsewhere', ['Progressing', 'False', 'Complete'])
    for (const name of NODE_NAMES) expect(kernelValue(fleet, name, 'vm/swappiness')).toBe('12\n')
  },
)

/** The same keys for the running kernel and for the next boots. */
function configure(
  version: GoodVersion,
  settings: string,
  values: Readonly<Record<string, string | number>>,
): OsSpec {
  const contents = Object.entries(values).map(([key, value]) => ({ key, value }))
  return {
    opstype: 'config',
    osversion: `KubeOS ${version}`,
    nodeselector: 'light',
    maxunavailable: 2,
    sysconfigs: {
      version: settings,
      configs: [
        { model: 'kernel.sysctl.persist', configpath: FILE, contents },
        { model: 'kernel.sysctl', contents },
      ],
    },
  }
}

function kernelValue({ lab }: Fleet, node: string, key: string): string {
  return fs.readFileSync(`${lab.stateFolder}/nodes/${node}/boot/proc-sys/${key}`, 'utf8')
}

function settingsFile({ lab }: Fleet, node: string): string {
  return fs.readFileSync(`${lab.stateFolder}/nodes/${node}/booted${FILE}`, 'utf8')
}
