import { describe, expect, test } from 'bun:test'
import { areaOf, checkRedirectArea, redirectTarget } from './http-download-redirect.ts'

describe('areaOf()', () => {
  test.each([
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:7f00:1',
  ])('takes %s for this machine', (address) => {
    expect(areaOf(address)).toBe('loopback')
  })

  test.each([
    '169.254.169.254',
    '::ffff:a9fe:a9fe',
    'fe80::1',
    'FEBF::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
  ])('takes %s for link-local', (address) => {
    expect(areaOf(address)).toBe('link-local')
  })

  test.each([
    '10.0.0.1',
    '192.168.1.1',
    '128.0.0.1',
    '169.255.0.1',
    '::ffff:a00:1',
    'fd00::1',
    '2001:db8::1',
    'fec0::1',
  ])('takes %s for neither', (address) => {
    expect(areaOf(address)).toBe('other')
  })
})

describe('checkRedirectArea()', () => {
  const from = new URL('https://images.example/x')

  test('refuses a public host that leads inside, also by one of several addresses', () => {
    expect(() => checkRedirectArea(from, ['10.0.0.1'], ['10.0.0.2', '127.0.0.1'])).toThrow(
      'loopback',
    )
    expect(() => checkRedirectArea(from, ['10.0.0.1'], ['169.254.169.254'])).toThrow('link-local')
  })

  test("allows what the user's own URL already was", () => {
    expect(() => checkRedirectArea(from, ['127.0.0.1'], ['::1', '10.0.0.1'])).not.toThrow()
    expect(() => checkRedirectArea(from, ['127.0.0.1'], ['169.254.169.254'])).toThrow('link-local')
  })
})

describe('redirectTarget()', () => {
  test('takes relative targets, and a stronger scheme', () => {
    expect(redirectTarget(new URL('https://h/a/b'), '../c').href).toBe('https://h/c')
    expect(redirectTarget(new URL('http://h/a'), 'https://h/b').href).toBe('https://h/b')
  })
})
