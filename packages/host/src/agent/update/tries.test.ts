// Counting of trials by image (decision 5).
import { describe, expect, test } from 'bun:test'
import { initialJournalState } from './journal-state.ts'
import { allowTrial, countFailure, countTrial, findTry, mayTry } from './tries.ts'

const image = { digest: 'd', version: 'v' }
const start = initialJournalState('A')

describe('mayTry()', () => {
  test('mayTry() refuses an image that fell back until a person allows it, and only once', () => {
    const failed = countFailure(countTrial(start, image), image)
    expect(mayTry(start, image)).toBe(true)
    expect(mayTry(failed, image)).toBe(false)
    const allowed = allowTrial(failed, image, undefined)
    expect(mayTry(allowed, image)).toBe(true)
    expect(mayTry(countTrial(allowed, image), image)).toBe(false)
  })

  test('mayTry() keeps images apart by digest and by version', () => {
    const failed = countFailure(countTrial(start, image), image)
    expect(mayTry(failed, { ...image, digest: 'e' })).toBe(true)
    expect(mayTry(failed, { ...image, version: 'w' })).toBe(true)
  })
})

describe('allowTrial()', () => {
  test('allowTrial() counts a token once', () => {
    const twice = allowTrial(allowTrial(start, image, 't'), image, 't')
    expect(findTry(twice, image).allowed).toBe(1)
    expect(findTry(allowTrial(twice, image, 'u'), image).allowed).toBe(2)
  })
})

describe('countTrial()', () => {
  test('countTrial() forgets the oldest images beyond 32', () => {
    let state = start
    for (let index = 0; index < 40; index += 1)
      state = countTrial(state, { digest: String(index), version: 'v' })
    expect(state.tries.length).toBe(32)
    expect(state.tries.at(-1)?.digest).toBe('39')
  })
})
