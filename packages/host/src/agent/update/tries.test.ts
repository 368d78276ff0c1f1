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
    const failed = countFailure(countTrial(start, image), image)
    const twice = allowTrial(allowTrial(failed, image, 't'), image, 't')
    expect(findTry(twice, image).allowed).toBe(1)
    expect(findTry(allowTrial(twice, image, 'u'), image).allowed).toBe(2)
  })

  test('allowTrial() gives nothing for a token that came before the failure', () => {
    const early = countFailure(countTrial(allowTrial(start, image, 't'), image), image)
    expect(mayTry(early, image)).toBe(false)
    expect(mayTry(allowTrial(early, image, 't'), image)).toBe(false)
    expect(mayTry(allowTrial(early, image, 'u'), image)).toBe(true)
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
