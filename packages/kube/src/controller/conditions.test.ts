import { describe, expect, test } from 'bun:test'
import { findCondition, setCondition } from './conditions.ts'

const ready = { type: 'Ready', status: 'True', reason: 'Done', message: 'm' } as const

describe('setCondition()', () => {
  const first = setCondition([], ready, 't1')

  test('adds with the time of now', () => {
    expect(first).toEqual([{ ...ready, lastTransitionTime: 't1' }])
  })
  test('keeps the time while the status stays', () => {
    const next = setCondition(first, { ...ready, message: 'n' }, 't2')
    expect(next).toEqual([{ ...ready, message: 'n', lastTransitionTime: 't1' }])
  })
  test('renews the time when the status changes, and leaves others alone', () => {
    const two = setCondition(first, { ...ready, type: 'Other' }, 't2')
    const next = setCondition(two, { ...ready, status: 'False' }, 't3')
    expect(next.map((c) => [c.type, c.status, c.lastTransitionTime])).toEqual([
      ['Ready', 'False', 't3'],
      ['Other', 'True', 't2'],
    ])
    expect(findCondition(next, 'Other')?.lastTransitionTime).toBe('t2')
  })
  test('gives the same list when nothing changes', () => {
    expect(setCondition(first, { ...ready }, 't2')).toBe(first)
  })
})
