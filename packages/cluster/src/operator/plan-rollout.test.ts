// Tables for what one plan says; two operators at once are in two-operators.test.ts.
import { describe, expect, test } from 'bun:test'
import { LABELS, OS_ANNOTATIONS } from '@kubenest/api/os/names'
import { parseRecord, type Claim } from '@kubenest/api/os/records'
import { sampleInstance, sampleNode, sampleOs } from '../../test/sample-facts.ts'
import { PHASE_PATIENCE_MS } from './classify-node.ts'
import { osFacts, type RolloutFacts } from './facts.ts'
import { planRollout } from './plan-rollout.ts'

const NOW = Date.parse('2026-01-01T12:00:00Z')

function factsOf(changes: Partial<RolloutFacts> = {}): RolloutFacts {
  const nodes = [sampleNode('n1'), sampleNode('n2')]
  return {
    os: sampleOs(),
    others: [],
    nodes,
    instances: new Map(nodes.map(({ name }) => [name, sampleInstance(name)])),
    offsetSecondsAt: () => 0,
    mayClaim: true,
    firstSeenMs: () => undefined,
    ...changes,
  }
}

function plan(facts: RolloutFacts) {
  let ids = 0
  return planRollout(facts, NOW, () => `c${(ids += 1)}`)
}

function claim(changes: Partial<Claim> = {}): Claim {
  return {
    id: 'c0',
    node: 'n1',
    nodeUid: 'uid-n1',
    osUid: 'os-uid',
    operation: 'upgrade',
    wasUnschedulable: false,
    bootId: 'boot-1',
    at: '2026-01-01T11:59:00.000Z',
    image: { digest: '', version: 'v2' },
    ...changes,
  }
}

describe('planRollout()', () => {
  test('planRollout() calls a rollout degraded while a node at work cannot go on', () => {
    const lastError = '[invalid/setting-unknown] Cannot apply the settings: vm.no_such_key'
    const busy = { isIdle: false, nodeStatus: 'upgrade', owner: 'default/o', claim: 'c0' }
    const image = { digest: '', version: 'v2' }
    const since = '2026-01-01T11:59:30Z'
    const operation = { id: 'c0', type: 'upgrade', image, phase: 'SlotVerified', since } as const
    const statusWith = (error: string | undefined) => {
      const stuck = sampleInstance('n1', { ...busy, operation, lastError: error })
      const instances = new Map([...factsOf().instances, ['n1', stuck]])
      return plan(factsOf({ os: sampleOs({ claims: [claim()] }), instances })).status
    }
    const degradedWith = (error: string | undefined) =>
      statusWith(error).conditions.find(({ type }) => type === 'Degraded')
    expect(degradedWith(undefined)).toMatchObject({ status: 'False', reason: 'AsExpected' })
    const found = degradedWith(lastError)
    expect(found).toMatchObject({ status: 'True', reason: 'NodesStuck' })
    expect(found?.message).toBe(
      '1 node cannot go on (n1): Cannot apply the settings: vm.no_such_key',
    )
    expect(statusWith(lastError).conditions[0]?.message).toMatch(
      /^1 node at work \(n1\), 1 held up/,
    )
    expect(statusWith(lastError).reasons).toContainEqual({
      reason: 'SettingUnknown',
      message: 'Cannot apply the settings: vm.no_such_key',
      count: 1,
      nodes: ['n1'],
      since,
    })
  })

  test('planRollout() starts one node at a time when settings restart services', () => {
    const settings = { operation: 'config', systemSettings: { version: 's2' } }
    const startedWith = (changes: Partial<RolloutFacts['os']>) =>
      plan(factsOf({ os: sampleOs({ ...settings, maxUnavailable: 2, ...changes }) })).assign.length
    expect(startedWith({ restartsServices: false })).toBe(2)
    expect(startedWith({ restartsServices: true })).toBe(1)
  })

  test('osFacts() lets only settings restart services', () => {
    const factsWith = (opstype: 'config' | 'upgrade') =>
      osFacts({ metadata: { name: 'o' }, spec: { opstype, rollout: { restartServices: true } } })
    expect(factsWith('config').restartsServices).toBe(true)
    expect(factsWith('upgrade').restartsServices).toBe(false)
  })

  test('planRollout() calls a phase without an end slow, and looks again when it would be', () => {
    const busy = { isIdle: false, nodeStatus: 'upgrade', owner: 'default/o', claim: 'c0' }
    const image = { digest: '', version: 'v2' }
    const planSince = (sinceMs: number) => {
      const since = new Date(sinceMs).toISOString()
      const operation = { id: 'c0', type: 'upgrade', image, phase: 'Preparing', since } as const
      const silent = sampleInstance('n1', { ...busy, operation })
      const instances = new Map([...factsOf().instances, ['n1', silent]])
      return plan(factsOf({ os: sampleOs({ claims: [claim()] }), instances }))
    }
    const degradedOf = (found: ReturnType<typeof plan>) =>
      found.status.conditions.find(({ type }) => type === 'Degraded')
    const early = planSince(NOW - PHASE_PATIENCE_MS + 1)
    expect(degradedOf(early)?.reason).toBe('AsExpected')
    expect(early.nextActionMs).toBe(NOW + 1)
    const late = planSince(NOW - PHASE_PATIENCE_MS)
    expect(degradedOf(late)).toMatchObject({ status: 'True', reason: 'NodesStuck' })
    expect(degradedOf(late)?.message).toContain('The phase Preparing has lasted more than 20')
  })

  test('planRollout() tells why it halted once, and points there elsewhere', () => {
    const failure = {
      node: 'n1',
      nodeUid: 'uid-n1',
      claim: 'c9',
      outcome: 'FellBack' as const,
      reason: 'TrialUnhealthy',
      message: 'why',
      at: '2026-01-01T00:00:00Z',
    }
    const image = { digest: '', version: 'v2' }
    const rollout = { image, startedAt: '2026-01-01T00:00:00Z', failures: [failure] }
    const { status } = plan(factsOf({ os: sampleOs({ rollout }) }))
    const messageOf = (type: string) =>
      status.conditions.find((each) => each.type === type)?.message
    expect(messageOf('Degraded')).toContain('kubectl os allow')
    expect(messageOf('Paused')).toContain('the condition Degraded says why')
    const waiting = status.reasons?.find(({ reason }) => reason === 'Halted')
    expect(waiting?.message).toContain('the condition Degraded says why')
  })

  test('planRollout() promises no action where it only looks again', () => {
    const found = plan(factsOf())
    const started = { claims: [claim()] }
    const later = plan(factsOf({ os: sampleOs(started) }))
    expect(later.nextActionMs).toBeGreaterThan(0)
    expect([found.status.nextActionTime, later.status.nextActionTime]).toEqual([
      undefined,
      undefined,
    ])
  })

  test('planRollout() never calls a selector without nodes available', () => {
    const { status } = plan(factsOf({ nodes: [] }))
    expect(status.conditions.find(({ type }) => type === 'Available')).toMatchObject({
      status: 'False',
      reason: 'NoNodes',
    })
  })

  test('planRollout() records the claim, then assigns, then labels', () => {
    const found = plan(factsOf())
    const claims = parseRecord<Claim[]>(found.record?.[OS_ANNOTATIONS.claims] ?? '')
    expect(claims?.map(({ id, node, nodeUid, bootId }) => [id, node, nodeUid, bootId])).toEqual([
      ['c1', 'n1', 'uid-n1', 'boot-1'],
    ])
    expect(found.assign.map(({ claim: { id }, instance }) => [id, instance.name])).toEqual([
      ['c1', 'n1'],
    ])
    expect(found.labels).toEqual([
      { node: 'n1', labels: { [LABELS.upgrading]: '' }, afterAssignment: true },
    ])
    expect([found.status.updating, found.status.waiting]).toEqual([1, 1])
  })

  test('planRollout() remembers an admin cordon, but not our own', () => {
    const nodes = [
      sampleNode('n1', { isUnschedulable: true }),
      sampleNode('n2', { isUnschedulable: true, cordonedBy: 'op' }),
    ]
    const { assign } = plan(factsOf({ nodes, os: sampleOs({ maxUnavailable: 2 }) }))
    expect(assign.map(({ claim: { wasUnschedulable } }) => wasUnschedulable)).toEqual([true, false])
  })

  test('planRollout() repeats an assignment that was claimed but never written', () => {
    const found = plan(factsOf({ os: sampleOs({ claims: [claim()] }) }))
    expect(found.assign.map(({ claim: { id } }) => id)).toEqual(['c0'])
    expect(found.record).toBeUndefined()
  })

  test('planRollout() ends a claim that is no longer wanted by stamping it, and keeps it until then', () => {
    const found = plan(factsOf({ os: sampleOs({ claims: [claim()], paused: true }) }))
    expect([found.assign.length, found.voids.map(({ claim: { id } }) => id)]).toEqual([0, ['c0']])
    expect(found.record).toBeUndefined()
  })

  test('planRollout() keeps a claim until it is stamped, idle, unowned and without label', () => {
    const stamped = { claim: 'c0' }
    const cases: [
      Parameters<typeof sampleInstance>[1],
      Parameters<typeof sampleNode>[1],
      boolean,
    ][] = [
      [{}, {}, false],
      [{ ...stamped, isIdle: false, owner: 'default/o' }, { isUpgrading: true }, false],
      [stamped, { isUpgrading: true }, false],
      [{ ...stamped, owner: 'default/o' }, {}, false],
      [stamped, {}, true],
    ]
    for (const [instance, node, isReleased] of cases) {
      const found = plan(
        factsOf({
          os: sampleOs({ claims: [claim()], paused: true }),
          nodes: [sampleNode('n1', node)],
          instances: new Map([['n1', sampleInstance('n1', instance)]]),
        }),
      )
      expect(found.record?.[OS_ANNOTATIONS.claims] === null).toBe(isReleased)
    }
  })

  test('planRollout() deletes the OSInstance that a node made anew inherited', () => {
    const found = plan(
      factsOf({
        os: sampleOs({ claims: [claim({ nodeUid: 'old' })] }),
        instances: new Map([
          [
            'n1',
            sampleInstance('n1', {
              claim: 'c0',
              isIdle: false,
              nodeStatus: 'upgrade',
              owner: 'default/o',
            }),
          ],
        ]),
      }),
    )
    expect(found.leftovers.map(({ name }) => name)).toEqual(['n1'])
  })

  test('planRollout() respects a hold by hand until the OS object changes', () => {
    const hold = { osUid: 'os-uid', osGeneration: 1, version: 'v1', at: '2026-01-01T00:00:00Z' }
    const instances = new Map([['n1', sampleInstance('n1', { hold })]])
    const nodes = [sampleNode('n1')]
    expect(plan(factsOf({ nodes, instances })).assign).toEqual([])
    const changed = sampleOs({ generation: 2 })
    expect(plan(factsOf({ nodes, instances, os: changed })).assign.length).toBe(1)
  })

  test('planRollout() does not start a node again whose success the kubelet has yet to report', () => {
    const verdict = {
      id: 'x',
      image: { digest: '', version: 'v2' },
      operation: 'upgrade' as const,
      outcome: 'Succeeded' as const,
      reason: 'Done',
      message: '',
      at: '2026-01-01T11:59:50Z',
    }
    const instances = new Map([['n1', sampleInstance('n1', { verdict })]])
    const found = plan(factsOf({ nodes: [sampleNode('n1')], instances }))
    expect([found.assign.length, found.nextActionMs]).toEqual([0, NOW + 20_000])
  })

  test('planRollout() takes ready nodes before others', () => {
    const nodes = [sampleNode('n1', { isReady: false }), sampleNode('n2')]
    expect(plan(factsOf({ nodes })).assign[0]?.claim.node).toBe('n2')
  })

  test('planRollout() starts a node that is not ready when no other needs it', () => {
    const nodes = [sampleNode('n1', { isReady: false })]
    expect(plan(factsOf({ nodes })).assign[0]?.claim.node).toBe('n1')
  })

  test('planRollout() drops a claim of another OS object of the same name at once', () => {
    const found = plan(factsOf({ os: sampleOs({ claims: [claim({ osUid: 'deleted' })] }) }))
    expect([found.assign.length, found.assign[0]?.claim.id]).toEqual([1, 'c1'])
  })

  test('planRollout() counts a node that only carries the label as busy', () => {
    const nodes = [sampleNode('n1'), sampleNode('n2', { isConfiguring: true })]
    expect(plan(factsOf({ nodes })).assign).toEqual([])
  })

  test('planRollout() frees an aborted node without counting it as failed', () => {
    const verdict = {
      id: 'c0',
      image: { digest: '', version: 'v2' },
      operation: 'upgrade' as const,
      outcome: 'Aborted' as const,
      reason: 'R',
      message: '',
      at: '2026-01-01T11:59:50Z',
    }
    const instances = new Map([['n1', sampleInstance('n1', { claim: 'c0', verdict })]])
    const found = plan(
      factsOf({ nodes: [sampleNode('n1')], instances, os: sampleOs({ claims: [claim()] }) }),
    )
    expect([found.assign[0]?.claim.id, found.status.failed]).toEqual(['c1', 0])
  })

  test('planRollout() halts for the image that fell back, also when it was asked for after the claim', () => {
    const verdict = {
      id: 'c0',
      image: { digest: '', version: 'v2' },
      operation: 'upgrade' as const,
      outcome: 'FellBack' as const,
      reason: 'TrialInterrupted',
      message: '',
      at: '2026-01-01T11:59:50Z',
    }
    const claims = [claim({ image: { digest: '', version: 'v1.5' } })]
    const busy = { isIdle: false, nodeStatus: 'upgrade', owner: 'default/o' }
    for (const state of [{}, busy]) {
      const failed = sampleInstance('n1', { claim: 'c0', verdict, ...state })
      const instances = new Map([...factsOf().instances, ['n1', failed]])
      const found = plan(factsOf({ instances, os: sampleOs({ claims }) }))
      const degraded = found.status.conditions.find(({ type }) => type === 'Degraded')
      expect([found.assign, degraded?.reason]).toEqual([[], 'Halted'])
    }
  })

  test('planRollout() quotes the phase of the running operation, not of one that ended', () => {
    const operation = {
      id: 'old',
      type: 'upgrade' as const,
      image: { digest: '', version: 'v2' },
      phase: 'Draining' as const,
      since: '2026-01-01T11:50:00Z',
    }
    const reasonOf = (endedAt?: string) => {
      const instance = sampleInstance('n1', {
        operation: endedAt === undefined ? operation : { ...operation, endedAt },
        message: 'pod a blocks',
      })
      const nodes = [sampleNode('n1', { isUpgrading: true })]
      const [group] =
        plan(factsOf({ nodes, instances: new Map([['n1', instance]]) })).status.reasons ?? []
      return [group?.reason, group?.message]
    }
    expect(reasonOf()).toEqual(['Draining', 'pod a blocks'])
    expect(reasonOf('2026-01-01T11:10:00Z')[0]).toBe('Assigned')
  })

  test('planRollout() claims no more than fits on the object and says so', () => {
    const names = Array.from(
      { length: 1200 },
      (_, index) => `node-with-a-rather-long-name-${index}`,
    )
    const nodes = names.map((name) => sampleNode(name))
    const instances = new Map(names.map((name) => [name, sampleInstance(name)]))
    const found = plan(factsOf({ nodes, instances, os: sampleOs({ maxUnavailable: 1200 }) }))
    const bytes = Object.values(found.record ?? {}).join('').length
    expect(bytes).toBeLessThanOrEqual(128 * 1024)
    expect(found.assign.length).toBeGreaterThan(200)
    expect(found.assign.length).toBeLessThanOrEqual(1000)
    expect(found.status.conditions[0]?.message).toContain('Claims are limited')
  })

  test('planRollout() keeps the status small: 20 groups at most, three examples each', () => {
    const names = Array.from({ length: 100 }, (_, index) => `n${100 + index}`)
    const nodes = names.map((name) => sampleNode(name))
    const instances = new Map(
      names.map((name, index) => [
        name,
        sampleInstance(name, { isIdle: false, nodeStatus: `word-${index % 30}` }),
      ]),
    )
    const { status } = plan(factsOf({ nodes, instances }))
    expect(status.reasons?.length).toBe(20)
    expect(status.reasons?.every(({ nodes: shown }) => shown.length <= 3)).toBe(true)
  })

  test('planRollout() says what a node waits for', () => {
    const cases: [Partial<RolloutFacts>, string][] = [
      [{ instances: new Map() }, 'NoOSInstance'],
      [
        {
          instances: new Map([
            [
              'n1',
              sampleInstance('n1', {
                isIdle: false,
                nodeStatus: 'upgrade',
                owner: 'default/other',
              }),
            ],
          ]),
        },
        'InstanceNotFree',
      ],
      [{ os: sampleOs({ paused: true }) }, 'Paused'],
      [{ os: sampleOs({ window: { start: '01:00:00', end: '02:00:00' } }) }, 'WindowClosed'],
      [
        { os: sampleOs({ window: { start: '2020-01-01 00:00:00', end: '2020-01-02 00:00:00' } }) },
        'WindowOver',
      ],
      [{ os: sampleOs({ intervalSeconds: 60, lastBatchMs: NOW - 10_000 }) }, 'Interval'],
    ]
    for (const [changes, reason] of cases) {
      const found = plan(factsOf({ nodes: [sampleNode('n1')], ...changes }))
      expect(found.status.reasons?.[0]?.reason).toBe(reason)
      expect(found.assign).toEqual([])
    }
  })

  test('planRollout() is not held up by a clock that was set back', () => {
    const os = sampleOs({ intervalSeconds: 60, lastBatchMs: NOW + 86_400_000 })
    expect(plan(factsOf({ os })).nextActionMs).toBe(NOW + 60_000)
  })
})
