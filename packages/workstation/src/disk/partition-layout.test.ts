// The documented borders (contract 6.9), and that nothing overlaps whatever the sizes.
import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { planDiskLayout, renderSfdiskScript } from './partition-layout.ts'

const IDS = { disk: 'd', boot: 'b', rootA: 'a', rootB: 'c', persist: 'p' }

test('planDiskLayout() has the documented borders by default', () => {
  const layout = planDiskLayout(2560, 20, IDS)
  expect(
    layout.partitions.map(({ name, startMib, sizeMib }) => [name, startMib, startMib + sizeMib]),
  ).toEqual([
    ['BOOT', 1, 60],
    ['ROOT-A', 60, 2620],
    ['ROOT-B', 2620, 5180],
    ['PERSIST', 5180, 20 * 1024 - 1],
  ])
})

test('planDiskLayout() lets partitions touch but not overlap, and keeps the end for the second table', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 64, max: 8000 }),
      fc.integer({ min: 18, max: 100 }),
      (root, gib) => {
        const { partitions, sizeMib } = planDiskLayout(root, gib, IDS)
        for (const [index, partition] of partitions.entries()) {
          const next = partitions[index + 1]?.startMib ?? sizeMib - 1
          expect(partition.startMib + partition.sizeMib).toBe(next)
          expect(partition.sizeMib).toBeGreaterThan(0)
        }
      },
    ),
  )
})

test('renderSfdiskScript() marks the ESP and names partitions', () => {
  const script = renderSfdiskScript(planDiskLayout(960, 4, IDS))
  expect(script).toContain('label-id: d')
  expect(script).toContain(
    'start=2048, size=120832, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=b, name="BOOT"',
  )
  expect(script).toContain(
    'start=122880, size=1966080, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=a, name="ROOT-A"',
  )
})
