import { describe, expect, test } from 'bun:test'
import { planShell } from './plan-shell.ts'

describe('planShell()', () => {
  test("enters all namespaces of process 1 with the container's tools and nothing else", () => {
    const env = { PATH: '/bin:/x', LD_LIBRARY_PATH: '/l', SECRET: 's', BASH_ENV: '/evil' }
    expect(planShell(4711, env)).toEqual({
      argv: [
        '/usr/bin/nsenter',
        '--target=1',
        '--all',
        '--no-fork',
        '--',
        'env',
        '-i',
        'PATH=/bin:/x:/proc/4711/root/usr/bin:/proc/4711/root/usr/sbin:/proc/4711/root/usr/local/bin:/proc/4711/root/usr/local/sbin',
        'LD_LIBRARY_PATH=/l:/proc/4711/root/usr/lib:/proc/4711/root/usr/lib64:/proc/4711/root/lib:/proc/4711/root/lib64',
        '/proc/4711/root/usr/bin/bash',
      ],
      limitMinutes: 60,
    })
  })

  test('keeps the empty place of a library path that is not set, as documented', () => {
    expect(planShell(1, {}).argv[8]).toStartWith('LD_LIBRARY_PATH=:/proc/1/root/usr/lib:')
  })

  test.each(['0', '1441', '-5', '1h', '1e3', ' 5', '99999'])('refuses a limit of %j', (text) => {
    expect(() => planShell(1, { HOSTSHELL_LIMIT_MINUTES: text })).toThrow('set 1 to 1440')
  })

  test('takes a limit of minutes', () => {
    expect(planShell(1, { HOSTSHELL_LIMIT_MINUTES: '1440' }).limitMinutes).toBe(1440)
    expect(planShell(1, { HOSTSHELL_LIMIT_MINUTES: '' }).limitMinutes).toBe(60)
  })
})
