import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { cap } from './cap.ts'

describe('cap()', () => {
  const cases: [number | string, number, number][] = [
    [2, 4, 2],
    [10, 4, 4],
    ['25%', 8, 2],
    ['25%', 7, 1],
    ['10%', 3, 1],
    ['100%', 3, 3],
    ['50%', 0, 0],
  ]
  for (const [wish, total, limit] of cases)
    test(`cap() of ${wish} over ${total} is ${limit}`, () => {
      expect(cap(wish, total)).toEqual({ limit })
    })

  for (const wish of [0, -1, 1.5, '0%', '101%', '5', '-5%', ' 5%', '05%'])
    test(`cap() refuses ${JSON.stringify(wish)}`, () => {
      expect(cap(wish, 4)).toHaveProperty('problem')
    })

  test('cap() never exceeds the nodes and never lets a valid percentage stand still', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 5000 }),
        (percent, total) => {
          const found = cap(`${percent}%`, total)
          const limit = 'limit' in found ? found.limit : -1
          expect(limit).toBeGreaterThanOrEqual(1)
          expect(limit).toBeLessThanOrEqual(Math.max(1, (total * percent) / 100))
        },
      ),
    )
  })
})
