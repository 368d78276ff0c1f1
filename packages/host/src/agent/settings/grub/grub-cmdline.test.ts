// Contract 5.4, E4 to E6 and E11: kernel words in the boot menu, and what they refuse (threat T12,
// decision 25).
import { describe, expect, test } from 'bun:test'
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { planSettings, targetsOfSettings } from '../plan-settings.ts'
import type { BootFacts, SettingsFacts } from '../setting-model.ts'

const MENU = '/boot/efi/EFI/openEuler/grub.cfg'
const PARTUUIDS = {
  a: 'aaaaaaaa-0000-4000-8000-00000000000a',
  b: 'bbbbbbbb-0000-4000-8000-00000000000b',
}

type Contents = Record<string, unknown>

/** A value, or `[value, operation]` as a tuple object. */
const op = (value: unknown, operation: string) => ({ op: operation, value })

function entry(model: string, contents: Contents): ConfigureEntry {
  const full = Object.entries(contents).map(([key, content]) => {
    const isOp = typeof content === 'object' && content !== null && 'op' in content
    const { value, op: operation } = isOp
      ? (content as { value: unknown; op: string })
      : { value: content, op: '' }
    return [key, { value, operation }] as const
  })
  return { model, config_path: '', contents: Object.fromEntries(full) }
}

function factsWith(boot: Partial<BootFacts> = {}): SettingsFacts {
  const usual = { menus: [MENU], booted: 'A', partuuids: PARTUUIDS, slotOfRoot: new Map() } as const
  return { boot: { ...usual, ...boot } }
}

function plan(
  model: string,
  contents: Contents,
  files: Record<string, string>,
  boot?: Partial<BootFacts>,
) {
  const facts = factsWith(boot)
  const entries = [entry(model, contents)]
  targetsOfSettings(entries, facts)
  const { changes, warnings } = planSettings(entries, new Map(Object.entries(files)), facts)
  return {
    text: changes[0]?.content,
    all: Object.fromEntries(changes.map((change) => [change.target.path, change.content])),
    warned: warnings.map((warning) => warning.key),
  }
}

function refusalOf(model: string, contents: Contents, boot?: Partial<BootFacts>): unknown {
  const facts = factsWith(boot)
  try {
    targetsOfSettings([entry(model, contents)], facts)
  } catch (error) {
    return error
  }
  return undefined
}

const menu = (a: string, b: string) => `set timeout=5
menuentry 'A' --id KubeOS-A {
        ${a}
        initrd  /boot/initramfs.img
}

menuentry 'B' --id KubeOS-B {
        ${b}
        initrd  /boot/initramfs.img
}
`
const LINE_A = 'linux   /boot/vmlinuz root=PARTUUID=ab-02 ro quiet panic=3'
const LINE_B = 'linux   /boot/vmlinuz root=PARTUUID=ab-03 ro quiet debug panic=3 selinux=0'
const written = (text: string) => text.replace('\n\n', '\n')

describe('grub.cmdline', () => {
  test('is the example of contract 5.4: only the line of A changes, empty lines vanish', () => {
    const contents = { panic: 5, quiet: op('', 'delete'), audit: '0', nosmt: null }
    expect(plan('grub.cmdline.current', contents, { [MENU]: menu(LINE_A, LINE_B) }).text).toBe(
      written(menu('linux /boot/vmlinuz root=PARTUUID=ab-02 ro panic=5 audit=0 nosmt', LINE_B)),
    )
  })

  test('E4: the table of contract 5.4, on the line of B', () => {
    const contents = {
      nokaslr: '',
      quiet: op('', 'delete'),
      panic: 9,
      audit: op('', 'add'),
      selinux: '',
      '': 'x',
      'a=b': 'x',
      'selinux ': op('1', 'delete'),
      missing: op('1', 'delete'),
      debug: 'on',
      list: [1],
    }
    const { text, warned } = plan('grub.cmdline.next', contents, { [MENU]: menu(LINE_A, LINE_B) })
    expect(text).toBe(
      written(
        menu(
          LINE_A,
          'linux /boot/vmlinuz root=PARTUUID=ab-03 ro debug=on panic=9 selinux=0 nokaslr audit',
        ),
      ),
    )
    expect(warned).toEqual(['audit', 'selinux', '', 'a=b', 'selinux ', 'missing', 'list'])
  })

  test('E5: adds a pair, keeps a bare word that a value would delete, updates by "update"', () => {
    const contents = { audit: 1, quiet: op('1', 'delete'), panic: op(4, 'update') }
    const { text, warned } = plan('grub.cmdline.current', contents, {
      [MENU]: menu(LINE_A, LINE_B),
    })
    expect(text).toContain('root=PARTUUID=ab-02 ro quiet panic=4 audit=1\n')
    expect(warned).toEqual(['quiet', 'panic'])
  })

  test('E6: fails without the menu, and without the entry', () => {
    expect(() => plan('grub.cmdline.current', { a: 1 }, {})).toThrow('it does not exist')
    const only = { [MENU]: `${LINE_A}\n` }
    expect(() => plan('grub.cmdline.next', { a: 1 }, only)).toThrow('no entry for slot B')
  })

  test.each([
    ['A', 'grub.cmdline.current', 'ab-02'],
    ['A', 'grub.cmdline.next', 'ab-03'],
    ['B', 'grub.cmdline.current', 'ab-03'],
    ['B', 'grub.cmdline.next', 'ab-02'],
  ] as const)('E11: from %s, %s edits the line of %s', (booted, model, line) => {
    const { text = '' } = plan(model, { audit: 1 }, { [MENU]: menu(LINE_A, LINE_B) }, { booted })
    const changed = text.split('\n').filter((each) => each.endsWith('audit=1'))
    expect(changed).toHaveLength(1)
    expect(changed[0]).toContain(line)
  })

  test('leaves the file alone, with its empty lines, when no word changes', () => {
    expect(
      plan('grub.cmdline.current', { panic: 3 }, { [MENU]: menu(LINE_A, LINE_B) }).all,
    ).toEqual({})
  })

  test('adds before the variable of our own menu, whose panic=3 must win in a trial', () => {
    const own = `linux /boot/vmlinuz root=PARTUUID=x ro \${kubenest_arguments_a}`
    const { text } = plan('grub.cmdline.current', { panic: 0 }, { [MENU]: menu(own, LINE_B) })
    expect(text).toContain('ro panic=0 ${kubenest_arguments_a}\n')
  })

  test('edits our custom.cfg and the menu of others alike', () => {
    const custom = '/boot/efi/EFI/openEuler/custom.cfg'
    const files = { [MENU]: menu(LINE_A, LINE_B), [custom]: menu(LINE_A, LINE_B) }
    const { all, warned } = plan('grub.cmdline.current', { audit: 1, x: op('', 'delete') }, files, {
      menus: [custom, MENU],
    })
    expect(Object.keys(all)).toEqual([custom, MENU])
    expect(warned).toEqual(['x'])
  })

  test('DEC 25: root only to the own slot of the entry, stored as its PARTUUID', () => {
    const slotOfRoot = new Map([['UUID=1', 'A' as const]])
    const files = { [MENU]: menu(LINE_A, LINE_B) }
    expect(plan('grub.cmdline.current', { root: 'UUID=1' }, files, { slotOfRoot }).text).toContain(
      `root=PARTUUID=${PARTUUIDS.a} ro`,
    )
    for (const [model, root] of [
      ['grub.cmdline.next', 'UUID=1'],
      ['grub.cmdline.current', 'UUID=2'],
      ['grub.cmdline.current', '/dev/sdb1'],
    ] as const)
      expect(refusalOf(model, { root }, { slotOfRoot })).toMatchObject({
        code: 'kernel-root-elsewhere',
      })
  })

  test.each([
    'init',
    'rdinit',
    'rd.break',
    'rd.shell',
    'systemd.unit',
    'systemd.run',
    'systemd.mask',
    'single',
    '1',
    'emergency',
    'rescue',
    'break',
    'initrd',
    'rw',
    'rootflags',
    'debug-shell',
    'systemd.debug-shell',
    'kubenest.trial',
    'nfsd.cltrack-prog',
    'sysctl.kernel.core_pattern',
    'sysctl.kernel.modprobe',
    'sysctl/kernel/core_pattern',
    'uvesafb.v86d',
    'boot',
    'nfsroot',
    'netroot',
    'overlayroot',
    'cryptopts',
    'cloud-config-url',
    'ds',
    'ignition.config.url',
    'coreos.inst.install_dev',
    'mount.usr',
  ])('T12: refuses to set %s', (key) => {
    for (const value of ['', '/bin/sh'])
      expect(refusalOf('grub.cmdline.next', { [key]: value })).toMatchObject({
        kind: 'invalid',
        code: expect.stringMatching(/denied/) as string,
      })
  })

  test.each([
    'LD_PRELOAD',
    'PATH',
    '--',
    '-b',
    '"init',
    "a'b",
    'a b',
    'a;b',
    'a{',
    '}',
    '$x',
    'a\nb',
    '__proto__',
    '#x',
    'a|b',
    'a\u0000',
    'ä',
  ])('T12: refuses the word %j', (key) => {
    expect(refusalOf('grub.cmdline.current', { [key]: '1' })).toMatchObject({ kind: 'invalid' })
  })

  test.each([
    'a b',
    'x;reboot',
    '$(id)',
    '${x}',
    "'x'",
    '"x"',
    'a\\b',
    '{',
    '}',
    '*',
    'a\nb',
    '#',
    'a&b',
    '<x',
  ])('T12: refuses the value %j', (value) => {
    expect(refusalOf('grub.cmdline.current', { audit: `1${value}1` })).toMatchObject({
      kind: 'invalid',
    })
  })

  test('T12: refuses what cloud-init would run, wherever it stands; not a hardware address', () => {
    for (const [key, value] of [
      ['x', 'cc:runcmd:%20ls'],
      ['cc:ssh_import_id:', ''],
      ['x', '52:54:00:cc:12:34%0Aruncmd:'],
    ] as const)
      expect(refusalOf('grub.cmdline.current', { [key]: value })).toMatchObject({
        code: 'kernel-word-denied',
      })
    const address = { ifname: 'e0:52:54:00:cc:12:34' }
    expect(refusalOf('grub.cmdline.current', address)).toBeUndefined()
  })

  test('T12: keeps root and ro', () => {
    for (const [key, value] of [
      ['root', 'PARTUUID=ab-02'],
      ['ro', ''],
    ] as const)
      expect(refusalOf('grub.cmdline.current', { [key]: op(value, 'delete') })).toMatchObject({
        code: 'kernel-word-denied',
      })
  })

  test('skips everything on a verified system', () => {
    const facts = { boot: 'verity' } as const
    const entries = [entry('grub.cmdline.current', { init: '/x' })]
    expect(targetsOfSettings(entries, facts)).toEqual([])
    expect(planSettings(entries, new Map(), facts)).toMatchObject({
      changes: [],
      warnings: [{ key: 'init' }],
    })
  })
})
