import { expect, test } from 'bun:test'
import { createPageCollector } from './page-collector.ts'

test('createPageCollector() collects once after each 512 KiB, and only between requests', () => {
  let collections = 0
  const collector = createPageCollector(() => (collections += 1))
  collector.onText(524_287)
  collector.beforeRequest()
  expect(collections).toBe(0)
  collector.onText(1)
  expect(collections).toBe(0)
  collector.beforeRequest()
  collector.beforeRequest()
  expect(collections).toBe(1)
})
