import { describe, expect, test } from 'bun:test'
import { sampleInstance, sampleNode, sampleOs } from '../../test/sample-facts.ts'
import type { NodeFacts } from './facts.ts'
import { judgePeer } from './peer-failures.ts'

const START = Date.parse('2026-01-01T00:00:00Z')
const MINUTE = 60_000
const claim = {
  id: 'c',
  node: 'n1',
  nodeUid: 'uid-n1',
  osUid: 'os-uid',
  operation: 'upgrade' as const,
  wasUnschedulable: false,
  bootId: 'boot-1',
  at: '2026-01-01T00:00:00Z',
  image: { digest: '', version: 'v2' },
}
const instance = sampleInstance('n1', { claim: 'c', isIdle: false, nodeStatus: 'upgrade' })

function judge(node: Partial<NodeFacts>, afterMs: number, seenMs?: number, of = instance) {
  const work = { claim, node: sampleNode('n1', node), instance: of }
  return judgePeer(sampleOs(), work, START + afterMs, () => seenMs)
}

describe('judgePeer()', () => {
  test('judgePeer() counts a rebooted, ready node that is old for 5 minutes', () => {
    const rebooted = { bootId: 'boot-2' }
    expect(judge(rebooted, 10 * MINUTE)).toMatchObject({ lookAgainMs: START + 15 * MINUTE })
    expect(judge(rebooted, 15 * MINUTE - 1, START + 10 * MINUTE).failure).toBeUndefined()
    const { failure } = judge(rebooted, 15 * MINUTE, START + 10 * MINUTE)
    expect([failure?.outcome, failure?.reason]).toEqual(['FellBack', 'PeerReturnedToOldVersion'])
  })

  const silent: [string, Partial<NodeFacts>][] = [
    ['did not reboot', {}],
    ['is not ready', { bootId: 'boot-2', isReady: false }],
    ['runs the new version', { bootId: 'boot-2', osVersion: 'v2' }],
  ]
  for (const [title, node] of silent)
    test(`judgePeer() waits while the node ${title}`, () => {
      expect(judge(node, 60 * MINUTE, START).failure).toBeUndefined()
    })

  test('judgePeer() gives up at the deadline of the node', () => {
    expect(judge({}, 149 * MINUTE).failure).toBeUndefined()
    expect(judge({}, 150 * MINUTE).failure?.reason).toBe('PeerDeadline')
  })

  test('judgePeer() leaves nodes of our own proxy to its verdict', () => {
    const own = {
      ...instance,
      operation: {
        id: 'c',
        type: 'upgrade' as const,
        image: claim.image,
        phase: 'Trial' as const,
        since: '',
      },
    }
    expect(judge({ bootId: 'boot-2' }, 500 * MINUTE, START, own)).toEqual({})
  })
})
