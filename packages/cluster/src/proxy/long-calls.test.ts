import { expect, test } from 'bun:test'
import { systemClock } from '@kubenest/base/clock'
import { silentLogger } from '@kubenest/base/log'
import { makeNode } from '../../test/proxy/fixtures.ts'
import { createLongCalls } from './long-calls.ts'
import { createMemory } from './memory.ts'
import { nodeFingerprint, trimNode } from './trim-node.ts'

test('createLongCalls() aborts a call that the next step does not go on with, and forgets it', async () => {
  const memory = createMemory()
  const calls = createLongCalls({ memory, clock: systemClock, log: silentLogger, wake: () => {} })
  let isAborted = false
  calls.start('drain', 'op', ({ signal }) => {
    const end = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => {
      isAborted = true
      end.resolve()
    })
    return end.promise
  })
  const going = { do: 'wait', reason: '', message: '', untilMs: 0, keeps: 'drain' } as const
  expect([calls.abandonUnless(going), isAborted]).toEqual([undefined, false])
  expect(calls.abandonUnless({ do: 'uncordon' })).toBe('drain')
  expect(isAborted).toBe(true)
  await calls.settled()
  expect([memory.task, memory.failure]).toEqual([undefined, undefined])
})

test('createLongCalls() remembers what ended well until it is written down', async () => {
  const memory = createMemory()
  const calls = createLongCalls({ memory, clock: systemClock, log: silentLogger, wake: () => {} })
  calls.start('configure', 'op/sysconfigs/c1', async () => {})
  await calls.settled()
  expect(calls.abandonUnless({ do: 'recordApplied', kind: 'sysconfigs' })).toBeUndefined()
  expect(memory.task).toMatchObject({ kind: 'configure', state: 'done' })
  calls.abandonUnless({ do: 'uncordon' })
  expect(memory.task).toBeUndefined()
})

test('nodeFingerprint() ignores heartbeats and heeds labels, cordon, boot and readiness', () => {
  const node = makeNode()
  const beat = { ...node, metadata: { ...node.metadata, resourceVersion: '99' } }
  expect(nodeFingerprint(trimNode(beat))).toBe(nodeFingerprint(node))
  for (const other of [
    { labels: [] },
    { unschedulable: true },
    { bootId: 'b2' },
    { mark: 'x' },
    { runs: 'v9' },
  ]) {
    expect(nodeFingerprint(makeNode(other))).not.toBe(nodeFingerprint(node))
  }
})
