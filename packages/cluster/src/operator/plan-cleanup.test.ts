import { describe, expect, test } from 'bun:test'
import { sampleInstance, sampleNode, sampleOs } from '../../test/sample-facts.ts'
import type { InstanceFacts, NodeFacts, OsFacts } from './facts.ts'
import { ORPHAN_PATIENCE_MS, planCleanup } from './plan-cleanup.ts'

const busy = { claim: 'c', isIdle: false, nodeStatus: 'upgrade', owner: 'default/o' }

function planFor(node: NodeFacts, instance: InstanceFacts, oses: OsFacts[], waitedMs: number) {
  const instances = [{ instance, node: instance.name }]
  return planCleanup({ oses, nodes: [node], instances, firstSeenMs: () => 0 }, waitedMs)
}

describe('planCleanup()', () => {
  test('planCleanup() frees an orphan only after the patience for its proxy', () => {
    const instance = sampleInstance('n1', busy)
    const early = planFor(sampleNode('n1'), instance, [], ORPHAN_PATIENCE_MS - 1)
    expect([early.release.length, early.lookAgainMs]).toEqual([0, ORPHAN_PATIENCE_MS])
    expect(planFor(sampleNode('n1'), instance, [], ORPHAN_PATIENCE_MS).release.length).toBe(1)
  })

  const untouched: [string, Partial<InstanceFacts>, OsFacts[]][] = [
    ['whose OS object exists', busy, [sampleOs()]],
    ['that we never stamped', { ...busy, claim: undefined }, []],
    ['that is idle', { claim: 'c' }, []],
    [
      'that is armed',
      {
        ...busy,
        operation: {
          id: 'c',
          type: 'upgrade',
          image: { digest: '', version: 'v2' },
          phase: 'Armed',
          since: '',
        },
      },
      [],
    ],
  ]
  for (const [title, changes, oses] of untouched)
    test(`planCleanup() leaves a node ${title}`, () => {
      const found = planFor(
        sampleNode('n1'),
        sampleInstance('n1', changes),
        oses,
        10 * ORPHAN_PATIENCE_MS,
      )
      expect(found.release).toEqual([])
    })

  test('planCleanup() uncordons only under the mark of the operation that is given up', () => {
    const instance = sampleInstance('n1', busy)
    const uncordon = (cordonedBy: string | undefined) =>
      planFor(sampleNode('n1', { cordonedBy }), instance, [], ORPHAN_PATIENCE_MS).release[0]
        ?.uncordon
    expect([uncordon('c'), uncordon('other'), uncordon(undefined)]).toEqual([true, false, false])
  })

  test('planCleanup() deletes labelled OSInstances without node, and no others', () => {
    const facts = { oses: [], nodes: [], firstSeenMs: () => undefined }
    const instance = sampleInstance('gone')
    expect(
      planCleanup({ ...facts, instances: [{ instance, node: 'gone' }] }, 0).deleteInstances.length,
    ).toBe(1)
    expect(
      planCleanup({ ...facts, instances: [{ instance, node: undefined }] }, 0).deleteInstances,
    ).toEqual([])
  })

  test('planCleanup() removes serial labels that no serial rollout means', () => {
    const node = sampleNode('n1', { isSerial: true })
    const labels = (oses: OsFacts[]) =>
      planFor(node, sampleInstance('n1'), oses, 0).serialLabels.length
    expect([labels([]), labels([sampleOs()]), labels([sampleOs({ mode: 'serial' })])]).toEqual([
      1, 1, 0,
    ])
  })
})
