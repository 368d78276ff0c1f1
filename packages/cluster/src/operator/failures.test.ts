import { describe, expect, test } from 'bun:test'
import type { NodeFailure, RolloutRecord } from '@kubenest/api/os/records'
import { sampleInstance, sampleNode, sampleOs } from '../../test/sample-facts.ts'
import { denialOf, grantFor, haltOf, standingFailures } from './failures.ts'
import { withFailure } from './rollout-record.ts'
import { haltSentence } from './sentences.ts'

const image = { digest: '', version: 'v2' }

function failure(changes: Partial<NodeFailure> = {}): NodeFailure {
  return {
    node: 'n1',
    nodeUid: 'uid-n1',
    claim: 'c',
    outcome: 'FellBack',
    reason: 'R',
    message: 'm',
    at: '2026-01-01T00:00:00Z',
    ...changes,
  }
}

function record(...failures: NodeFailure[]): RolloutRecord {
  return { image, operation: 'upgrade', startedAt: '2026-01-01T00:00:00Z', failures }
}

const grant = (token: string, nodes?: string[]) => ({
  token,
  image,
  at: '2026-01-01T00:00:00Z',
  ...(nodes === undefined ? {} : { nodes }),
})

describe('standingFailures()', () => {
  const os = sampleOs({ fingerprint: 'now' })
  const cases: [string, Partial<NodeFailure>, Parameters<typeof sampleOs>[0], boolean][] = [
    ['a trial that fell back', { fingerprint: 'before' }, {}, true],
    [
      'a failure before arming of the same request',
      { outcome: 'Failed', fingerprint: 'now' },
      {},
      true,
    ],
    [
      'a failure before arming of a corrected request',
      { outcome: 'Failed', fingerprint: 'before' },
      {},
      false,
    ],
    ['a trial with a later grant', {}, { attempt: grant('t1') }, false],
    ['a trial under that same grant', { attempt: 't1' }, { attempt: grant('t1') }, true],
    ['a trial with a grant for another node', {}, { attempt: grant('t1', ['n2']) }, true],
    [
      'a trial with a grant for another image',
      {},
      { attempt: { ...grant('t1'), image: { digest: '', version: 'v9' } } },
      true,
    ],
  ]
  for (const [title, changes, wish, stands] of cases)
    test(`standingFailures() ${stands ? 'keeps' : 'forgives'} ${title}`, () => {
      expect(standingFailures({ ...os, ...wish }, record(failure(changes))).length).toBe(
        stands ? 1 : 0,
      )
    })
})

describe('haltOf()', () => {
  test('haltOf() counts failures but no skipped nodes', () => {
    const os = sampleOs({ maxFailures: 2 })
    expect(haltOf(os, [failure(), failure({ outcome: 'Skipped' })])).toBeUndefined()
    expect(haltOf(os, [failure(), failure({ outcome: 'Failed' })])?.failed.length).toBe(2)
    expect(haltOf(sampleOs(), [failure()])?.failed.length).toBe(1)
  })
})

describe('denialOf()', () => {
  const node = sampleNode('n1')
  const verdict = {
    id: 'x',
    image,
    operation: 'upgrade' as const,
    outcome: 'FellBack' as const,
    reason: 'R',
    message: 'm',
    at: 'then',
  }

  test('denialOf() denies the node that failed, but not one made anew under its name', () => {
    expect(denialOf(sampleOs(), [failure()], node, undefined)?.reason).toBe('ImageFailedHere')
    expect(
      denialOf(sampleOs(), [failure()], sampleNode('n1', { uid: 'new' }), undefined),
    ).toBeUndefined()
    expect(denialOf(sampleOs(), [failure({ outcome: 'Skipped' })], node, undefined)?.reason).toBe(
      'Skipped',
    )
  })

  test('denialOf() believes the verdict of an earlier OS object about the same image', () => {
    const instance = sampleInstance('n1', { verdict })
    expect(denialOf(sampleOs(), [], node, instance)?.at).toBe('then')
    expect(denialOf(sampleOs({ attempt: grant('t') }), [], node, instance)).toBeUndefined()
    const other = sampleOs({ image: { digest: '', version: 'v3' }, targetVersion: 'v3' })
    expect(denialOf(other, [], node, instance)).toBeUndefined()
  })

  test('grantFor() gives leave to all nodes when it names none', () => {
    expect(grantFor(sampleOs({ attempt: grant('t', []) }), 'n7')?.token).toBe('t')
    expect(grantFor(sampleOs({ attempt: grant('t', ['n1']) }), 'n7')).toBeUndefined()
  })
})

describe('withFailure()', () => {
  const identity = { image, operation: 'upgrade' as const }
  const fill = (count: number, from: RolloutRecord = record()) =>
    Array.from({ length: count }, (_, index) =>
      failure({ node: `n${index}`, nodeUid: `u${index}`, claim: `c${index}` }),
    ).reduce((kept, each) => withFailure(kept, identity, each), from)

  test('withFailure() forgets skipped nodes before nodes that failed', () => {
    const skipped = failure({ node: 's', nodeUid: 's', claim: 's', outcome: 'Skipped' })
    const full = fill(49, record(failure({ node: 'a', nodeUid: 'a', claim: 'a' })))
    const kept = withFailure(full, identity, skipped).failures
    expect(kept.map(({ node }) => node)).toContain('a')
    expect(kept.map(({ node }) => node)).not.toContain('s')
    expect(kept).toHaveLength(50)
  })

  test('haltOf() halts though maxFailures is more than what is kept on record', () => {
    const os = sampleOs({ maxFailures: 1000 })
    expect(haltOf(os, fill(49).failures)).toBeUndefined()
    const halt = haltOf(os, fill(60).failures)
    expect(halt?.failed).toHaveLength(50)
    expect(haltSentence(os, halt?.failed ?? [], 200)).toContain(
      'halts at 50 failures at the latest',
    )
  })
})
