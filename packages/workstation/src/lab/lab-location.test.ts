import { expect, test } from 'bun:test'
import { isOsError } from '@kubenest/base/errors'
import { locateLab, repeatOptions } from './lab-location.ts'

const env = { HOME: '/home/u' }

function codeOf(task: () => unknown): string | undefined {
  try {
    task()
    return undefined
  } catch (error) {
    return isOsError(error) ? `${error.kind}/${error.code}` : String(error)
  }
}

test('locateLab() puts labs below the cache of the person', () => {
  expect(locateLab({ name: 'two' }, env).paths.root).toBe('/home/u/.cache/kubenest/labs/two')
})

test('locateLab() prefers KUBENEST_CACHE, and --state before it', () => {
  const cache = { ...env, KUBENEST_CACHE: '/big/cache/' }
  expect(locateLab({ name: 'a' }, cache).paths.root).toBe('/big/cache/labs/a')
  expect(locateLab({ name: 'a', state: '/s/' }, cache).paths.root).toBe('/s')
})

test.each(['', '../x', 'A', 'a/b', '-a', 'a'.repeat(32)])(
  'locateLab() refuses the name %p',
  (name) => {
    expect(codeOf(() => locateLab({ name }, env))).toBe('invalid/lab-option-invalid')
  },
)

test('locateLab() refuses a folder that is too deep for sockets, or relative', () => {
  const refused = 'invalid/lab-option-invalid'
  expect(codeOf(() => locateLab({ name: 'a', state: `/${'x'.repeat(70)}` }, env))).toBe(refused)
  expect(codeOf(() => locateLab({ name: 'a', state: 'here' }, env))).toBe(refused)
})

test('repeatOptions() names what leads to the same lab, and nothing that is usual', () => {
  expect(repeatOptions({ name: 'default' })).toBe('')
  expect(repeatOptions({ name: 'two' })).toBe(' --name two')
  expect(repeatOptions({ name: 'two', state: '/s' })).toBe(' --name two --state /s')
  expect(repeatOptions({ name: 'default', state: '/s' })).toBe(' --state /s')
})
