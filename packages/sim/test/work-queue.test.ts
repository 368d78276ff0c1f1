// The work queue on the fake clock: keys merge, no key is worked on twice at once, none is ever
// lost.
import { describe, expect, test } from 'bun:test'
import { createWorkQueue } from '@kubenest/kube/workqueue/work-queue'
import * as fc from 'fast-check'
import { FakeClock } from '../src/fakes/fake-clock.ts'

const setUp = () => {
  const clock = new FakeClock()
  return { clock, queue: createWorkQueue({ clock, random: () => 1 }) }
}

describe('createWorkQueue()', () => {
  test('merges equal keys and keeps the order of first additions', async () => {
    const { queue } = setUp()
    for (const key of ['a', 'b', 'a']) queue.add(key)
    expect([await queue.take(), await queue.take()]).toEqual(['a', 'b'])
    let third: string | undefined = 'none yet'
    void queue.take().then((key) => (third = key))
    await Promise.resolve()
    expect(third).toBe('none yet')
    queue.shutdown()
  })

  test('gives a key again after done when it was added meanwhile', async () => {
    const { queue } = setUp()
    queue.add('a')
    await queue.take()
    queue.add('a')
    queue.add('b')
    expect(await queue.take()).toBe('b')
    queue.done('a')
    expect(await queue.take()).toBe('a')
  })

  test('addAfter() keeps the earliest wish', async () => {
    const { clock, queue } = setUp()
    queue.addAfter('a', 5_000)
    queue.addAfter('a', 1_000)
    queue.addAfter('a', 9_000)
    let taken = 0
    void queue.take().then(() => (taken = clock.monotonicMs()))
    await clock.advance(20_000)
    expect(taken).toBe(1_000)
    expect(clock.pending).toBe(0)
  })

  test('addWithBackOff() doubles up to its limit, and forget() starts over', async () => {
    const { clock, queue } = setUp()
    const delays: number[] = []
    for (let round = 0; round < 20; round += 1) {
      const before = clock.monotonicMs()
      queue.addWithBackOff('a')
      const taken = queue.take()
      await clock.advanceUntil(() => clock.pending === 0, 2_000_000)
      await taken
      delays.push(clock.monotonicMs() - before)
      queue.done('a')
    }
    expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40])
    expect(delays.at(-1)).toBe(1_000_000)
    expect(queue.failures('a')).toBe(20)
    queue.forget('a')
    expect(queue.failures('a')).toBe(0)
  })

  test('shutdown() ends waiting and later takes and leaves no timer', async () => {
    const { clock, queue } = setUp()
    queue.addAfter('a', 100)
    const waiting = queue.take()
    queue.shutdown()
    queue.add('b')
    expect([await waiting, await queue.take()]).toEqual([undefined, undefined])
    expect(clock.pending).toBe(0)
  })

  test('never loses a key and never gives one to two workers', async () => {
    const key = fc.constantFrom('a', 'b', 'c')
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), key }),
      fc.record({ do: fc.constant('after' as const), key, ms: fc.integer({ min: 0, max: 50 }) }),
      fc.record({ do: fc.constant('fail' as const), key }),
      fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 30 }) }),
      fc.record({ do: fc.constant('done' as const) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { clock, queue } = setUp()
        const working: string[] = []
        const wanted = new Set<string>()
        const worker = async () => {
          for (let got = await queue.take(); got !== undefined; got = await queue.take()) {
            expect(working).not.toContain(got)
            working.push(got)
            wanted.delete(got)
          }
        }
        const workers = [worker(), worker()]
        for (const each of steps) {
          if (each.do === 'time') await clock.advance(each.ms)
          else if (each.do === 'done') {
            const key = working.shift()
            if (key !== undefined) queue.done(key)
          } else {
            wanted.add(each.key)
            if (each.do === 'add') queue.add(each.key)
            else if (each.do === 'after') queue.addAfter(each.key, each.ms)
            else queue.addWithBackOff(each.key)
          }
          await clock.settle()
        }
        for (let round = 0; round < 10; round += 1) {
          for (const key of working.splice(0)) queue.done(key)
          await clock.advance(2_000_000)
        }
        expect([...wanted]).toEqual([])
        queue.shutdown()
        await Promise.all(workers)
      }),
      { numRuns: 150 },
    )
  })
})
