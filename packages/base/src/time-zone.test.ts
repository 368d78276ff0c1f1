// Local time from TZif bytes, against the runtime's own zone data.
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { isOsError } from './errors.ts'
import { parseTimeZone, posixZone, utcZone } from './time-zone.ts'

const ZONES = '/usr/share/zoneinfo'
const NAMES = [
  'Europe/Berlin',
  'America/New_York',
  'Asia/Shanghai',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
]

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
  } catch (error) {
    return isOsError(error) ? error.code : 'other'
  }
  return undefined
}

/** A version 1 file: UTC+1, from 1000 on UTC+2. */
function smallFile(): Uint8Array {
  const bytes = new Uint8Array(44 + 4 + 1 + 12 + 4)
  const view = new DataView(bytes.buffer)
  bytes.set(new TextEncoder().encode('TZif'))
  for (const [index, count] of [0, 0, 0, 1, 2, 4].entries()) view.setUint32(20 + index * 4, count)
  view.setInt32(44, 1000)
  view.setUint8(48, 1)
  view.setInt32(49, 3600)
  view.setInt32(55, 7200)
  return bytes
}

/** What the runtime's own zone data says. */
function reference(zone: string, seconds: number): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const part = Object.fromEntries(
    format.formatToParts(new Date(seconds * 1000)).map(({ type, value }) => [type, Number(value)]),
  )
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = part
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - seconds
}

describe('parseTimeZone()', () => {
  test('parseTimeZone() reads a version 1 file', () => {
    const zone = parseTimeZone(smallFile())
    expect([999, 1000, 5000].map((at) => zone.offsetSecondsAt(at))).toEqual([3600, 7200, 7200])
  })

  test('parseTimeZone() refuses what is cut short at any byte, and foreign bytes', () => {
    const file = smallFile()
    for (let length = 0; length < file.length; length += 1)
      expect(codeOf(() => parseTimeZone(file.slice(0, length)))).toBe('time-zone-invalid')
    expect(codeOf(() => parseTimeZone(new Uint8Array(200)))).toBe('time-zone-invalid')
  })

  for (const name of NAMES)
    test.skipIf(!existsSync(`${ZONES}/${name}`))(
      `parseTimeZone() agrees with the runtime's zone data for ${name}`,
      () => {
        const zone = parseTimeZone(readFileSync(`${ZONES}/${name}`))
        fc.assert(
          fc.property(fc.integer({ min: 0, max: 2_500_000_000 }), (at) => {
            expect(zone.offsetSecondsAt(at)).toBe(reference(name, at))
          }),
          { numRuns: 300 },
        )
      },
    )
})

describe('posixZone()', () => {
  const berlin = posixZone('CET-1CEST,M3.5.0,M10.5.0/3')
  const cases: [string, string, number][] = [
    ['one second before summer', '2026-03-29T00:59:59Z', 3600],
    ['first second of summer', '2026-03-29T01:00:00Z', 7200],
    ['last second of summer', '2026-10-25T00:59:59Z', 7200],
    ['first second of winter', '2026-10-25T01:00:00Z', 3600],
  ]
  for (const [title, at, offset] of cases)
    test(`posixZone() knows the ${title}`, () => {
      expect(berlin.offsetSecondsAt(Date.parse(at) / 1000)).toBe(offset)
    })

  test('posixZone() knows zones without summer time, quoted names and the southern half', () => {
    expect(posixZone('<+0545>-5:45').offsetSecondsAt(0)).toBe(20_700)
    const south = posixZone('AEST-10AEDT,M10.1.0,M4.1.0/3')
    expect(south.offsetSecondsAt(Date.parse('2026-01-15T00:00:00Z') / 1000)).toBe(39_600)
    expect(south.offsetSecondsAt(Date.parse('2026-07-15T00:00:00Z') / 1000)).toBe(36_000)
    const julian = posixZone('XXX0YYY,J60,J300')
    expect(julian.offsetSecondsAt(Date.parse('2028-03-01T02:00:00Z') / 1000)).toBe(3600)
    expect(julian.offsetSecondsAt(Date.parse('2028-03-01T01:59:59Z') / 1000)).toBe(0)
  })

  test('posixZone() refuses nonsense', () => {
    for (const text of ['', 'CET', 'Europe/Berlin', 'CET-1CEST,M13.1.0,M10.5.0', 'CET-1CEST,x,y'])
      expect(codeOf(() => posixZone(text))).toBe('time-zone-invalid')
    expect(utcZone.offsetSecondsAt(0)).toBe(0)
  })
})
