// Contract 5.1 to 5.3 and 5.8 E1 to E3: what a request comes to.
import { describe, expect, test } from 'bun:test'
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { planSettings, targetsOfSettings } from './plan-settings.ts'

type Contents = Record<string, unknown>

function entry(model: string, contents: Contents, configPath = ''): ConfigureEntry {
  const full = Object.entries(contents).map(([key, content]) => {
    const [value, operation] = Array.isArray(content) ? content : [content, '']
    return [key, { value: value as unknown, operation: operation as string }] as const
  })
  return { model, config_path: configPath, contents: Object.fromEntries(full) }
}

function plan(entries: ConfigureEntry[], files: Record<string, string> = {}) {
  targetsOfSettings(entries)
  const { changes, warnings } = planSettings(entries, new Map(Object.entries(files)))
  return {
    written: Object.fromEntries(changes.map(({ target, content }) => [target.path, content])),
    warned: warnings.map((warning) => warning.key),
  }
}

function persist(before: string, contents: Contents): string {
  const { written } = plan([entry('kernel.sysctl.persist', contents)], {
    '/etc/sysctl.conf': before,
  })
  return written['/etc/sysctl.conf'] ?? 'nothing planned'
}

function refusalOf(entries: ConfigureEntry[]): unknown {
  try {
    plan(entries)
  } catch (error) {
    return error
  }
  return undefined
}

describe('planSettings() for kernel.sysctl', () => {
  test('E1: writes only the plain value, with a newline', () => {
    const contents = {
      'vm.a': 10,
      'vm.b': ['1', 'delete'],
      'vm.c': ['1', 'add'],
      'vm.d': '',
      'vm.e': ['', 'delete'],
      'vm.f': { list: true },
      'vm.g': null,
    }
    expect(plan([entry('kernel.sysctl', contents)])).toEqual({
      written: { '/proc/sys/vm/a': '10\n' },
      warned: ['vm.b', 'vm.c', 'vm.d', 'vm.e', 'vm.f', 'vm.g'],
    })
  })

  test('spells numbers and booleans as JSON does, and maps every dot', () => {
    const contents = { 'net.ipv4.conf.eth0.5.x': 0.5, 'kernel.b': true, 'net/ipv4/c': ' 1 2 ' }
    expect(plan([entry('kernel.sysctl', contents)]).written).toEqual({
      '/proc/sys/net/ipv4/conf/eth0/5/x': '0.5\n',
      '/proc/sys/kernel/b': 'true\n',
      '/proc/sys/net/ipv4/c': '1 2\n',
    })
  })

  test('refuses a number that JSON has already rounded', () => {
    const big = JSON.parse('18446744073692774399') as number
    expect(refusalOf([entry('kernel.sysctl', { 'kernel.shmmax': big })])).toMatchObject({
      code: 'setting-value-inexact',
      message: expect.stringContaining('write it in quotes') as string,
    })
  })

  test.each([
    '',
    '.',
    '..',
    'kernel.',
    '.kernel',
    'kernel..panic',
    '../etc/passwd',
    'kernel/../../etc/passwd',
    '/kernel/panic',
    'kernel.pa nic',
    'kernel.panic\n',
    'kernel.panic\u0000',
    'kernel.\u202epanic',
    'kernel.$(id)',
    'kernel.`id`',
    'kernel.panic;id',
    "kernel.'x'",
    'net.*.x',
    'käse.x',
    '-kernel.panic',
  ])('refuses %j as a key', (key) => {
    expect(refusalOf([entry('kernel.sysctl', { [key]: 1 })])).toMatchObject({
      kind: 'invalid',
      code: 'sysctl-key-malformed',
    })
  })

  test.each([
    'kernel.core_pattern',
    'kernel/core_pattern',
    'kernel.modprobe',
    'kernel.hotplug',
    'kernel.poweroff_cmd',
    'fs.binfmt_misc.register',
    'fs/binfmt_misc/x',
    'kernel.usermodehelper.bset',
  ])('refuses %s, through which the kernel runs programs, in both models', (key) => {
    for (const model of ['kernel.sysctl', 'kernel.sysctl.persist'])
      expect(refusalOf([entry(model, { [key]: '|/bin/x' })])).toMatchObject({
        code: 'sysctl-key-denied',
      })
    expect(refusalOf([entry('kernel.sysctl.persist', { [`-${key}`]: '|/bin/x' })])).toMatchObject({
      code: 'sysctl-key-denied',
    })
  })
})

describe('planSettings() for kernel.sysctl.persist', () => {
  test('gives the example of contract 5.3', () => {
    const before = '# tuning\nvm.swappiness = 60\nkernel.panic=3\n\nnet.core.somaxconn=128\n'
    const after = persist(before, {
      'vm.swappiness': 10,
      'kernel.panic': [3, 'delete'],
      'net.core.somaxconn': [4096, 'delete'],
      'fs.file-max': 100000,
    })
    expect(after).toBe('# tuning\nvm.swappiness=10\nnet.core.somaxconn=128\nfs.file-max=100000\n')
  })

  test('E2: updates, adds, deletes what is equal, and leaves the rest', () => {
    const contents = {
      'a.a': 2,
      'missing.x': ['1', 'delete'],
      'new.x': ['1', 'add'],
      'b.b': '',
      'c.c': ['', 'delete'],
      'empty.x': ['', 'add'],
      'd.d': [4, 'delete'],
      '': 'x',
      'k=v': 'x',
      'list.x': { a: 1 },
    }
    const before = '# first\na.a=1\nb.b=2\nc.c=3\nd.d = 4\n'
    expect(persist(before, contents)).toBe('# first\na.a=2\nb.b=2\nc.c=3\nnew.x=1\n')
    const { warned } = plan([entry('kernel.sysctl.persist', contents)], {
      '/etc/sysctl.conf': before,
    })
    expect(warned).toEqual(['missing.x', 'new.x', 'b.b', 'c.c', 'empty.x', '', 'k=v', 'list.x'])
  })

  test('E3: makes an empty file from nothing', () => {
    expect(plan([entry('kernel.sysctl.persist', {}, '/etc/persist.conf')]).written).toEqual({
      '/etc/persist.conf': '',
    })
  })

  test('keeps comments and white-space lines as they are, and matches only the first of two equal keys', () => {
    const before = '; c = d\n  \t\n  # indented\nk.k=1\nk.k=2\n\n'
    expect(persist(before, { 'k.k': 3 })).toBe('; c = d\n  \t\n  # indented\nk.k=3\nk.k=2\n')
  })

  test('fails for a line that is neither comment nor pair, and names it', () => {
    expect(() => persist('a=1\nnonsense\n', {})).toThrow('line 2 of /etc/sysctl.conf')
  })

  test('lets a later entry see what an earlier one leaves, and writes the file once', () => {
    const entries = [
      entry('kernel.sysctl.persist', { 'a.a': 1, 'b.b': 2 }),
      entry('kernel.sysctl.persist', { 'a.a': [1, 'delete'] }),
    ]
    expect(plan(entries).written).toEqual({ '/etc/sysctl.conf': 'b.b=2\n' })
  })

  test('allows a leading minus and * for interfaces below net only; a denied key may be deleted', () => {
    expect(persist('', { '-net.ipv4.conf.*.rp_filter': 1 })).toBe('-net.ipv4.conf.*.rp_filter=1\n')
    expect(refusalOf([entry('kernel.sysctl.persist', { 'kernel.*': 1 })])).toMatchObject({
      code: 'sysctl-key-malformed',
    })
    expect(persist('kernel.core_pattern=|/x\n', { 'kernel.core_pattern': ['|/x', 'delete'] })).toBe(
      '',
    )
  })

  test.each([
    '1\nkernel.core_pattern=|/x',
    '1\r',
    '\u0000',
    'a\tb',
    '\u202e1',
    '\u0085',
    '\ud800',
    '\u2028',
  ])('refuses the value %j before anything is planned', (value) => {
    // Inside text, so that trimming does not take it away.
    for (const model of ['kernel.sysctl', 'kernel.sysctl.persist'])
      expect(refusalOf([entry(model, { 'vm.x': `1${value}2` })])).toMatchObject({
        kind: 'invalid',
        code: 'setting-value-refused',
      })
  })

  test.each([
    '/etc/sysctl.conf',
    '/etc/sysctl.d/99-kubeos.conf',
    '/etc/persist.conf',
    '/etc/a-b_c.1.conf',
  ])('accepts %s', (path) => {
    expect(targetsOfSettings([entry('kernel.sysctl.persist', {}, path)])[0]?.path).toBe(path)
  })

  test.each([
    'etc/sysctl.conf',
    '/etc/../etc/sysctl.conf',
    '/etc/sysctl.d/../cron.d/x.conf',
    '/etc/sysctl.d/x',
    '/etc/cron.d/x.conf',
    '/etc/passwd',
    '/etc/profile',
    '/etc/ld.so.conf',
    '/etc/sudo.conf',
    '/etc/nsswitch.conf',
    '/etc/request-key.conf',
    '/etc/watchdog.conf',
    '/etc/dnsmasq.conf',
    '/usr/lib/sysctl.d/x.conf',
    '/etc/sysctl.d/sub/x.conf',
    '/etc/.conf',
    '/etc/sysctl.conf\n',
    '/etc/sysctl.conf/',
    '//etc/sysctl.conf',
    '/etc/x\u0000.conf',
    '/',
  ])('refuses %j', (path) => {
    expect(refusalOf([entry('kernel.sysctl.persist', {}, path)])).toMatchObject({
      kind: 'invalid',
      code: 'config-path-refused',
    })
  })
})

describe('planSettings()', () => {
  test.each([
    ['kenerl.sysctl', 'did you mean kernel.sysctl?'],
    ['kuberntes.kubelet', 'this agent knows kernel.sysctl, kernel.sysctl.persist'],
    ['', 'this agent knows'],
    ['__proto__', 'this agent knows'],
  ])('refuses the unknown model %j', (model, text) => {
    expect(refusalOf([entry(model, {})])).toMatchObject({
      code: 'setting-model-unknown',
      message: expect.stringContaining(text) as string,
    })
  })
})
