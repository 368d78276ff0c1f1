import { describe, expect, test } from 'bun:test'
import { readContentRange, sameFile, sizeOf, validatorOf } from './http-download-headers.ts'

const answer = (headers: Record<string, string>) => new Response(null, { headers })

describe('validatorOf()', () => {
  test('takes a strong entity tag, else the date, never a weak tag', () => {
    const date = 'Mon, 01 Jan 2024 00:00:00 GMT'
    expect(validatorOf(answer({ etag: '"a"', 'last-modified': date }))).toBe('"a"')
    expect(validatorOf(answer({ etag: 'W/"a"', 'last-modified': date }))).toBe(date)
    expect(validatorOf(answer({ etag: 'W/"a"' }))).toBeUndefined()
    expect(validatorOf(answer({}))).toBeUndefined()
  })
})

describe('readContentRange()', () => {
  test('reads a range with and without the whole size', () => {
    const read = (text: string) => readContentRange(answer({ 'content-range': text }))
    expect(read('bytes 5-9/10')).toEqual({ first: 5, last: 9, size: 10 })
    expect(read('bytes 5-9/*')).toEqual({ first: 5, last: 9, size: undefined })
  })

  test.each(['', 'bytes 5-9', 'bytes -5/10', 'bytes */10', 'items 5-9/10', 'bytes 5-9/10, bytes'])(
    'refuses %j',
    (text) => {
      expect(readContentRange(answer({ 'content-range': text }))).toBeUndefined()
    },
  )
})

describe('sameFile()', () => {
  test('sees a change of tag or date, and takes missing ones for no change', () => {
    const first = answer({ etag: '"a"', 'last-modified': 'x' })
    expect(sameFile(first, answer({ etag: '"a"', 'last-modified': 'x' }))).toBe(true)
    expect(sameFile(first, answer({}))).toBe(true)
    expect(sameFile(first, answer({ etag: '"b"' }))).toBe(false)
    expect(sameFile(first, answer({ etag: '"a"', 'last-modified': 'y' }))).toBe(false)
  })
})

describe('sizeOf()', () => {
  test.each([
    ['10', 10],
    ['0', 0],
    ['-1', undefined],
    ['1e3', undefined],
    ['9'.repeat(16), undefined],
  ] as const)('reads %j', (text, size) => {
    expect(sizeOf(answer({ 'content-length': text }))).toBe(size)
  })
})
