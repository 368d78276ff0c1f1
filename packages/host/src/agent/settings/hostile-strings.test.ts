// S-08 to S-12: 300 hostile strings in every string field of a settings request. Each is refused
// before any write, or stored literally: in its own field, on one line, in an allowed file.
import { describe, expect, test } from 'bun:test'
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { isOsError } from '@kubenest/base/errors'
import { modelNamed } from './models.ts'
import { planSettings, targetsOfSettings } from './plan-settings.ts'
import type { SettingsFacts } from './setting-model.ts'

const MENU = '/boot/efi/EFI/openEuler/grub.cfg'
const FILES: Readonly<Record<string, string>> = {
  '/etc/sysctl.conf': '# mine\nvm.swappiness=60\n',
  '/var/lib/kubelet/config.yaml': '# mine\nport: 1\nlist:\n- a\n',
  '/etc/containerd/config.toml': '# mine\nversion = 2\nlist = ["a"]\n',
  '/etc/security/limits.conf': '# mine\nftp soft core 0\n',
  [MENU]:
    'menuentry A {\n        linux /boot/vmlinuz root=PARTUUID=a ro\n}\nmenuentry B {\n        linux /boot/vmlinuz root=PARTUUID=b ro\n}\n',
}
const FACTS: SettingsFacts = {
  boot: {
    menus: [MENU],
    booted: 'A',
    partuuids: { a: 'a', b: 'b' },
    slotOfRoot: new Map([
      ['PARTUUID=a', 'A'],
      ['PARTUUID=b', 'B'],
    ]),
  },
}

const SEEDS = [
  '\n',
  '\r',
  '\r\n',
  '\0',
  '\t',
  '\v',
  '\u001b[31m',
  '\u0085',
  '\u2028',
  '\u2029',
  '\u202e',
  '\u200b',
  '\ufeff',
  '\ud800',
  '\u007f',
  '$(id)',
  '`id`',
  '${IFS}',
  '$PATH',
  ';reboot',
  '|sh',
  '||sh',
  '&',
  '&&sh',
  '>x',
  '<x',
  '*',
  '?',
  '[x]',
  '{x}',
  '}',
  '{',
  '\\',
  '\\n',
  "'",
  '"',
  '"""',
  "'''",
  '#',
  '# x',
  '//',
  '../',
  '../../etc/passwd',
  '/etc/shadow',
  '~',
  '%s',
  '%n',
  '__proto__',
  'constructor',
  '=',
  '==',
  ':',
  ': ',
  '- ',
  '&a',
  '*a',
  '!!js',
  '<<',
  '---',
  '...',
  '=|/bin/sh',
  'a b',
  ' ',
  'kernel.core_pattern',
  'init=/bin/sh',
  'rd.break',
  'LD_PRELOAD=/x',
  '--',
  'menuentry',
  'linux',
  '[table]',
  '[[t]]',
  'ä',
  '😀',
]
const WRAPPERS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => `vm.x${text}`,
  (text) => `${text}vm.x`,
  (text) => `a${text}b${text}c`,
]
const STRINGS = [...new Set(SEEDS.flatMap((seed) => WRAPPERS.map((wrap) => wrap(seed))))]

/** A good request of each model; a hostile string takes the place of one of its fields. */
const GOOD: readonly { model: string; key: string; value: unknown }[] = [
  { model: 'kernel.sysctl', key: 'vm.swappiness', value: '10' },
  { model: 'kernel.sysctl.persist', key: 'vm.swappiness', value: '10' },
  { model: 'grub.cmdline.current', key: 'audit', value: '1' },
  { model: 'grub.cmdline.next', key: 'audit', value: '1' },
  { model: 'kubernetes.kubelet', key: 'port', value: '1' },
  { model: 'kubernetes.kubelet', key: 'list', value: ['b'] },
  { model: 'container.containerd', key: 'oom', value: '1' },
  { model: 'container.containerd', key: 'list', value: ['b'] },
  { model: 'pam.limits', key: 'ftp', value: 'hard.core.1' },
]
const ALLOWED = [
  /^\/proc\/sys\/(?:[A-Za-z0-9_@][A-Za-z0-9_@:-]*\/)*[A-Za-z0-9_@][A-Za-z0-9_@:-]*$/,
  /^\/etc\/(?:sysctl\.d\/)?[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*\.conf$/,
  /^\/var\/lib\/kubelet\/[A-Za-z0-9_-][A-Za-z0-9_.-]*\.ya?ml$/,
  /^\/etc\/containerd\/[A-Za-z0-9_-][A-Za-z0-9_.-]*\.toml$/,
  /^\/etc\/security\/limits\.conf$/,
  /^\/boot\/efi\/EFI\/openEuler\/grub\.cfg$/,
]

function request(
  model: string,
  path: string,
  key: string,
  value: unknown,
  operation: string,
): ConfigureEntry {
  return { model, config_path: path, contents: Object.fromEntries([[key, { value, operation }]]) }
}

/** Sentences about what is wrong; none when it is refused, or stored literally. */
function judge(entry: ConfigureEntry): string[] {
  try {
    targetsOfSettings([entry], FACTS)
    const present = new Map(Object.entries(FILES))
    const plan = planSettings([entry], present, FACTS)
    return plan.changes.flatMap(({ target, content }) => {
      const faults: string[] = []
      if (!ALLOWED.some((rule) => rule.test(target.path))) faults.push(`writes ${target.path}`)
      const before = FILES[target.path] ?? ''
      const lines = (text: string) => text.split('\n')
      const lost = lines(before).filter((line) => !lines(content).includes(line))
      const come = lines(content).filter((line) => !lines(before).includes(line))
      // A key of three parts makes three levels in YAML, and a table in TOML.
      const linesMax = /kubelet|containerd/.test(entry.model) ? 6 : 1
      if (lost.length > 1 || come.length > linesMax)
        faults.push(`changes ${come.length} lines: ${content}`)
      // oxlint-disable-next-line no-control-regex
      if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e]/.test(content))
        faults.push('a control character')
      for (const watched of plan.watched) {
        const [wanted] = Object.values(entry.contents)
        const now = modelNamed(watched.model).observe(content, watched)
        if (wanted?.operation !== 'delete' && (now === undefined || !holds(now, wanted?.value)))
          faults.push(`reads back as ${String(now)}`)
      }
      return faults
    })
  } catch (error) {
    return isOsError(error) && error.kind === 'invalid' ? [] : [String(error)]
  }
}

/** The value as it reads back: as text, as JSON text, within a list, or beside its key. */
function holds(now: string, value: unknown): boolean {
  const [last] = Array.isArray(value) ? (value as unknown[]).slice(-1) : [value]
  const text = String(last).trim()
  const words = text.split(/\s+/).join(' ')
  return [text, words, JSON.stringify(last)].some((each) => now.includes(each))
}

describe('S-08 to S-12: hostile strings', () => {
  test('there are at least 280 of them', () => {
    expect(STRINGS.length).toBeGreaterThanOrEqual(280)
  })

  test.each(
    GOOD.map((good) => [good.model, Array.isArray(good.value) ? 'list' : 'text', good] as const),
  )(
    '%s with a %s: in model, configpath, key, value and operation',
    (_, __, { model, key, value }) => {
      const bad: string[] = []
      let stored = 0
      for (const text of STRINGS) {
        const hostileValue = Array.isArray(value) ? [text] : text
        const requests = {
          model: request(text, '', key, value, ''),
          configpath: request(model, text, key, value, ''),
          'configpath end': request(model, `/etc/${text}.conf`, key, value, ''),
          key: request(model, '', text, value, ''),
          'key part': request(model, '', `vm."${text}"`, value, ''),
          value: request(model, '', key, hostileValue, ''),
          'value in three': request(
            model,
            '',
            key,
            Array.isArray(value) ? value : `hard.core.${text}`,
            '',
          ),
          operation: request(model, '', key, value, text),
        }
        for (const [field, each] of Object.entries(requests)) {
          const faults = judge(each)
          if (faults.length > 0) bad.push(`${field} ${JSON.stringify(text)}: ${faults.join('; ')}`)
          else stored += 1
        }
      }
      expect(bad).toEqual([])
      expect(stored).toBe(STRINGS.length * 8)
    },
  )

  test('the judge finds a line that came with a value', () => {
    const before = FILES['/etc/sysctl.conf'] ?? ''
    expect(`${before}a=1\nb=2\nc=3\n`.split('\n').length).toBeGreaterThan(
      before.split('\n').length + 2,
    )
    expect(holds('10', '10\nx')).toBe(false)
  })
})
