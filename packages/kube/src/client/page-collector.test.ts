import { expect, test } from 'bun:test'
import type { Clock } from '@kubenest/base/clock'
import { createPageCollector } from './page-collector.ts'

/** Runs scheduled tasks when told to. */
function handClock() {
  const tasks: (() => void)[] = []
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep: () => Promise.resolve(),
    schedule: (_, task) => {
      tasks.push(task)
      return () => {}
    },
  }
  return {
    clock,
    waiting: () => tasks.length,
    run: () => tasks.splice(0).forEach((task) => task()),
  }
}

test('createPageCollector() collects once after each 128 KiB, and only between requests', () => {
  let collections = 0
  const collector = createPageCollector(handClock().clock, () => (collections += 1))
  collector.onBytes(131_071)
  collector.beforeRequest()
  expect(collections).toBe(0)
  collector.onBytes(1)
  expect(collections).toBe(0)
  collector.beforeRequest()
  collector.beforeRequest()
  expect(collections).toBe(1)
})

test('createPageCollector() collects once more when a burst is over', () => {
  let collections = 0
  const { clock, run, waiting } = handClock()
  const collector = createPageCollector(clock, () => (collections += 1))
  collector.onBytes(10)
  collector.onBytes(10)
  expect(waiting()).toBe(1)
  run()
  expect(collections).toBe(1)
  collector.onBytes(10)
  run()
  expect(collections).toBe(2)
})

test('createPageCollector() collects nothing when the burst was freed already', () => {
  let collections = 0
  const { clock, run } = handClock()
  const collector = createPageCollector(clock, () => (collections += 1))
  collector.onBytes(200_000)
  collector.beforeRequest()
  run()
  expect(collections).toBe(1)
})
