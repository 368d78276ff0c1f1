import { describe, expect, test } from 'bun:test'
import { OsError, type ErrorKind } from '@kubenest/base/errors'
import { failure } from '../../test/proxy/cases.ts'
import { NOW } from '../../test/proxy/fixtures.ts'
import { isFinal, nextTryMs, reasonOf } from './judge-failure.ts'

function failed(
  kind: ErrorKind,
  code: string,
  over: { attempts?: number; ageMs?: number; retryAfterMs?: number } = {},
) {
  const { retryAfterMs } = over
  const error = new OsError(kind, {
    code,
    message: code,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
  return failure('prepare', error, {
    attempts: over.attempts ?? 1,
    firstMs: NOW - (over.ageMs ?? 0),
    lastMs: NOW,
  })
}

describe('nextTryMs()', () => {
  test.each([
    [0, 1000],
    [59_999, 1000],
    [60_000, 2000],
    [90_000, 4000],
    [120_000, 8000],
    [150_000, 15_000],
    [9_000_000, 15_000],
  ])('nextTryMs() after %d ms of failures waits %d ms (X39)', (ageMs, delayMs) => {
    expect(nextTryMs(failed('transient', 'x', { ageMs }))).toBe(NOW + delayMs)
  })

  test('nextTryMs() looks at a busy agent each 2 s and heeds a known time up to 15 s', () => {
    expect(nextTryMs(failed('blocked', 'busy'))).toBe(NOW + 2000)
    expect(nextTryMs(failed('transient', 'x', { retryAfterMs: 3000 }))).toBe(NOW + 3000)
    expect(nextTryMs(failed('transient', 'x', { retryAfterMs: 99_000 }))).toBe(NOW + 15_000)
  })
})

describe('isFinal()', () => {
  test.each([
    ['invalid', 'image-url-wrong', {}, true],
    ['integrity', 'image-digest-mismatch', {}, true],
    ['transient', 'x', { attempts: 99 }, false],
    ['host', 'x', { ageMs: 3_599_999 }, false],
    ['host', 'x', { ageMs: 3_600_000 }, true],
    ['blocked', 'image-failed-before', { attempts: 2 }, false],
    ['blocked', 'image-failed-before', { attempts: 3 }, true],
    ['blocked', 'trial-open', { attempts: 99 }, false],
    ['blocked', 'trial-open', { ageMs: 3_600_000 }, true],
    ['blocked', 'busy', { attempts: 99, ageMs: 9_000_000 }, false],
  ] as const)('isFinal() on %s/%s with %p is %p', (kind, code, over, final) => {
    expect(isFinal(failed(kind, code, over))).toBe(final)
  })
})

describe('reasonOf()', () => {
  test('reasonOf() makes one CamelCase word of any code', () => {
    expect(['image-digest-mismatch', 'a', '9-lives', ''].map(reasonOf)).toEqual([
      'ImageDigestMismatch',
      'A',
      'Error9Lives',
      'Error',
    ])
  })
})
