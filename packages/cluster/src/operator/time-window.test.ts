// The window against a table of the contract and a slow model that walks second by second.
import { describe, expect, test } from 'bun:test'
import { posixZone } from '@kubenest/base/time-zone'
import * as fc from 'fast-check'
import { isInsideWindow, nextOpenMs, parseTimeWindow, type TimeWindow } from './time-window.ts'

const utc = () => 0
const berlin = (seconds: number) => posixZone('CET-1CEST,M3.5.0,M10.5.0/3').offsetSecondsAt(seconds)

function windowOf(start: string, end: string): TimeWindow {
  const parsed = parseTimeWindow({ start, end })
  if ('problem' in parsed || parsed.window === undefined) throw new Error('not a window')
  return parsed.window
}

describe('parseTimeWindow()', () => {
  test('parseTimeWindow() takes an absent or empty window as no restriction', () => {
    expect(parseTimeWindow(undefined)).toEqual({ window: undefined })
    expect(parseTimeWindow({ start: '', end: '' })).toEqual({ window: undefined })
  })

  const bad: [string, string][] = [
    ['01:00:00', ''],
    ['', '01:00:00'],
    ['1:00:00', '02:00:00'],
    [' 01:00:00', '02:00:00'],
    ['01::00::00', '02::00::00'],
    ['25:00:00', '01:00:00'],
    ['24:00:00', '01:00:00'],
    ['01:60:00', '02:00:00'],
    ['01:00:60', '02:00:00'],
    ['2026-13-01 00:00:00', '2026-12-01 00:00:00'],
    ['2026-02-30 00:00:00', '2026-03-01 00:00:00'],
    ['2026-01-01  00:00:00', '2026-03-01 00:00:00'],
    ['2026-01-01T00:00:00', '2026-03-01T00:00:00'],
    ['01:00:00', '2026-03-01 00:00:00'],
    ['01:00:00', '01:00:00'],
    ['2026-03-01 00:00:00', '2026-03-01 00:00:00'],
    ['2026-03-02 00:00:00', '2026-03-01 00:00:00'],
  ]
  for (const [start, end] of bad)
    test(`parseTimeWindow() refuses ${JSON.stringify(start)} to ${JSON.stringify(end)}`, () => {
      expect(parseTimeWindow({ start, end })).toHaveProperty('problem')
    })

  test('parseTimeWindow() knows the 29th of February', () => {
    expect(windowOf('2028-02-29 00:00:00', '2028-03-01 00:00:00').kind).toBe('dated')
    const inPlainYear = { start: '2027-02-29 00:00:00', end: '2027-03-01 00:00:00' }
    expect(parseTimeWindow(inPlainYear)).toHaveProperty('problem')
  })
})

describe('isInsideWindow()', () => {
  const cases: [string, string, string, boolean][] = [
    ['10:00:00', '12:00:00', '2026-01-01T10:00:00Z', false],
    ['10:00:00', '12:00:00', '2026-01-01T10:00:00.999Z', false],
    ['10:00:00', '12:00:00', '2026-01-01T10:00:01Z', true],
    ['10:00:00', '12:00:00', '2026-01-01T11:59:59.999Z', true],
    ['10:00:00', '12:00:00', '2026-01-01T12:00:00Z', false],
    ['23:00:00', '01:00:00', '2026-01-01T23:30:00Z', true],
    ['23:00:00', '01:00:00', '2026-01-01T00:59:59Z', true],
    ['23:00:00', '01:00:00', '2026-01-01T01:00:00Z', false],
    ['23:00:00', '01:00:00', '2026-01-01T12:00:00Z', false],
    ['2026-01-01 10:00:00', '2026-01-03 09:00:00', '2026-01-02T23:00:00Z', true],
    ['2026-01-01 10:00:00', '2026-01-03 09:00:00', '2026-01-03T09:00:00Z', false],
    ['2026-01-01 10:00:00', '2026-01-03 09:00:00', '2026-01-01T10:00:00Z', false],
  ]
  for (const [start, end, now, inside] of cases)
    test(`isInsideWindow() says ${inside} for ${now} in ${start} to ${end}`, () => {
      expect(isInsideWindow(windowOf(start, end), Date.parse(now), utc)).toBe(inside)
    })

  test('isInsideWindow() reads the wall clock of the zone', () => {
    const window = windowOf('10:00:00', '12:00:00')
    expect(isInsideWindow(window, Date.parse('2026-07-01T08:30:00Z'), berlin)).toBe(true)
    expect(isInsideWindow(window, Date.parse('2026-01-01T08:30:00Z'), berlin)).toBe(false)
  })
})

/** Walks in steps until it is inside; then second by second. */
function slowNextOpen(window: TimeWindow, nowMs: number, offsetAt: (s: number) => number) {
  const nowS = Math.floor(nowMs / 1000)
  const local = (seconds: number) => {
    const shown = new Date((seconds + offsetAt(seconds)) * 1000).toISOString()
    return window.kind === 'dated' ? Date.parse(shown) / 1000 : wall(shown)
  }
  const inside = (seconds: number) => {
    const at = local(seconds)
    if (window.kind === 'dated' || window.start < window.end)
      return window.start < at && at < window.end
    return window.start < at || at < window.end
  }
  for (let seconds = nowS; seconds < nowS + 3 * 86_400; seconds += 1)
    if (inside(seconds)) return seconds
  return undefined
}

function wall(iso: string): number {
  const [h = '', m = '', s = ''] = iso.slice(11, 19).split(':')
  return Number(h) * 3600 + Number(m) * 60 + Number(s)
}

describe('nextOpenMs()', () => {
  test('nextOpenMs() agrees with a walk through the seconds around clock changes', () => {
    const days = ['2026-03-28T12:00:00Z', '2026-10-24T12:00:00Z', '2026-06-01T12:00:00Z']
    fc.assert(
      fc.property(
        fc.constantFrom(...days),
        fc.integer({ min: 0, max: 86_400 }),
        fc.integer({ min: 0, max: 86_399 }),
        fc.integer({ min: 0, max: 86_399 }),
        (day, after, start, end) => {
          fc.pre(start !== end)
          const window: TimeWindow = { kind: 'daily', start, end }
          const nowMs = Date.parse(day) + after * 1000
          const slow = slowNextOpen(window, nowMs, berlin)
          const found = nextOpenMs(window, nowMs, berlin)
          expect(found === undefined ? undefined : found / 1000).toBe(slow)
        },
      ),
      { numRuns: 60 },
    )
  }, 30_000)

  test('nextOpenMs() opens at the clock change when the start is skipped', () => {
    const window = windowOf('02:15:00', '04:00:00')
    const now = Date.parse('2026-03-29T00:00:00Z')
    expect(new Date(nextOpenMs(window, now, berlin) ?? 0).toISOString()).toBe(
      '2026-03-29T01:00:00.000Z',
    )
  })

  test('nextOpenMs() finds nothing for a dated window that is over', () => {
    const window = windowOf('2026-01-01 10:00:00', '2026-01-03 09:00:00')
    expect(nextOpenMs(window, Date.parse('2026-01-04T00:00:00Z'), utc)).toBeUndefined()
    expect(nextOpenMs(window, Date.parse('2025-12-31T00:00:00Z'), utc)).toBe(
      Date.parse('2026-01-01T10:00:01Z'),
    )
  })
})
