import { expect, test } from 'bun:test'
import { systemClock } from '@kubenest/base/clock'
import { silentLogger } from '@kubenest/base/log'
import { throttleLog, THROTTLE_MS } from './throttle-log.ts'

test('throttleLog() writes each message once in a while and counts the others', () => {
  const lines: unknown[] = []
  let nowMs = 0
  const log = throttleLog(
    { ...silentLogger, log: (...line) => void lines.push(line) },
    { ...systemClock, monotonicMs: () => nowMs },
  )
  for (let each = 0; each < 1000; each += 1) log('warn', 'refused', { each })
  log('info', 'other')
  nowMs = THROTTLE_MS
  log('warn', 'refused')
  nowMs = 2 * THROTTLE_MS
  log('warn', 'refused')
  expect(lines).toEqual([
    ['warn', 'refused', { each: 0 }],
    ['info', 'other', {}],
    ['warn', 'refused', { leftOut: 999 }],
    ['warn', 'refused', {}],
  ])
})
