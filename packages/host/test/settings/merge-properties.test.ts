// F-03 to F-05: merges of the boot menu, of YAML and of limits.conf. Only the asked-for lines
// change, doing it again changes nothing, and the result, read by other code, says what was asked.
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { isMap, parseDocument } from 'yaml'
import { kernelLinesOf } from '../../src/agent/settings/grub/menu-file.ts'
import { planSettings, targetsOfSettings } from '../../src/agent/settings/plan-settings.ts'
import type { BootFacts } from '../../src/agent/settings/setting-model.ts'

const RUNS = 10_000
const SLOW_MS = 900_000
const MENU = '/boot/efi/EFI/openEuler/grub.cfg'
const LIMITS = '/etc/security/limits.conf'
const KUBELET = '/var/lib/kubelet/config.yaml'

type Contents = ConfigureEntry['contents']

function merge(
  model: string,
  path: string,
  text: string,
  contents: Contents,
  boot?: Partial<BootFacts>,
): { readonly text: string; readonly skipped: ReadonlySet<string> } {
  const facts = {
    boot: { menus: [path], booted: 'A', slotOfRoot: new Map(), ...boot } as BootFacts,
  }
  const entries = [{ model, config_path: '', contents }]
  targetsOfSettings(entries, facts)
  const plan = planSettings(entries, new Map([[path, text]]), facts)
  const done = new Set(plan.watched.map((each) => each.key))
  return {
    text: plan.changes[0]?.content ?? text,
    skipped: new Set(Object.keys(contents).filter((key) => !done.has(key))),
  }
}

function contentsOf(key: fc.Arbitrary<string>, value: fc.Arbitrary<unknown>) {
  const content = fc.record({
    value,
    operation: fc.constantFrom('', '', 'update', 'delete'),
  })
  return fc.dictionary(key, content, { noNullPrototype: true, maxKeys: 5 })
}

const updatesOf = (contents: Contents): Contents =>
  Object.fromEntries(Object.entries(contents).filter(([, each]) => each.operation !== 'delete'))

describe('F-03: the boot menu', () => {
  const key = fc.constantFrom('quiet', 'panic', 'audit', 'nosmt', 'selinux', 'crashkernel', 'debug')
  const value = fc.oneof(
    fc.stringMatching(/^[a-zA-Z0-9_.,:=/@%+-]{0,12}$/),
    fc.integer(),
    fc.constantFrom(null, true, [1]),
  )
  const word = fc.tuple(key, fc.constantFrom('', '=1', '=256M', '=a=b')).map((all) => all.join(''))
  const gap = fc.constantFrom(' ', '  ', '\t')
  const kernelLine = fc
    .tuple(fc.array(word, { maxLength: 6 }), gap, fc.constantFrom('', ' ${kubenest_arguments}'))
    .map(
      ([words, space, own]) =>
        ['\tlinux', '/boot/vmlinuz', 'root=UUID=1', ...words].join(space) + own,
    )
  const other = fc.constantFrom(
    '',
    'set root=x',
    "menuentry 'A' {",
    '}',
    '# linux root=',
    '  initrd /x',
    '\t',
  )
  const menu = fc
    .tuple(fc.array(other), kernelLine, fc.array(other), kernelLine, fc.array(other))
    .map(([a, one, b, two, c]) => [...a, one, ...b, two, ...c].join('\n') + '\n')

  test(
    'exactly one kernel line changes, to what was asked for, and only once',
    () => {
      fc.assert(
        fc.property(
          menu,
          contentsOf(key, value),
          fc.constantFrom('current', 'next'),
          (text, contents, which) => {
            const model = `grub.cmdline.${which}`
            const after = merge(model, MENU, text, contents)
            const [before, found] = [text, after.text].map((each) =>
              kernelLinesOf(each.split('\n')),
            )
            const at = which === 'current' ? 0 : 1
            expect(found?.[1 - at]?.words).toEqual(before?.[1 - at]?.words ?? [])
            const others = (each: string) =>
              each.split('\n').filter((line) => line !== '' && !line.includes('vmlinuz'))
            expect(others(after.text)).toEqual(others(text))
            for (const [name, { value: wanted, operation }] of Object.entries(contents)) {
              if (after.skipped.has(name)) continue
              const words = found?.[at]?.words ?? []
              const now = words.find((each) => each === name || each.startsWith(`${name}=`))
              const asked =
                wanted === null || wanted === ''
                  ? name
                  : `${name}=${JSON.stringify(wanted).replaceAll('"', '')}`
              const count = (list: readonly string[] = []) =>
                list.filter((each) => each === asked).length
              if (operation === 'delete') expect(count(words)).toBe(count(before?.[at]?.words) - 1)
              else expect(now).toBe(asked)
            }
            const updates = updatesOf(contents)
            const once = merge(model, MENU, text, updates).text
            expect(merge(model, MENU, once, updates).text).toBe(once)
          },
        ),
        { numRuns: RUNS },
      )
    },
    SLOW_MS,
  )
})

describe('F-05: limits.conf', () => {
  const domain = fc.constantFrom('ftp', '*', '@grp', '%g', '0:100', 'db')
  const part = fc.constantFrom('hard', 'soft', '-', '_', 'nofile', 'core', '1', 'unlimited')
  const value = fc.oneof(
    fc.array(part, { minLength: 2, maxLength: 4 }).map((all) => all.join('.')),
    fc.constantFrom('', null, 7),
  )
  const line = fc.oneof(
    fc
      .tuple(domain, part, part, part, fc.constantFrom('', ' # why', '\t'))
      .map(([a, b, c, d, rest]) => `${a}  ${b}\t${c} ${d}${rest}`),
    fc.constantFrom('', '# head', '  # more', ' '),
  )

  test(
    'only the first line of an asked-for domain changes, and only once',
    () => {
      fc.assert(
        fc.property(
          fc.array(line, { maxLength: 10 }),
          contentsOf(domain, value),
          (lines, contents) => {
            const text = lines.map((each) => `${each}\n`).join('')
            const after = merge('pam.limits', LIMITS, text, contents)
            const untouched = (each: string) => {
              const seen = new Set<string>()
              return each.split('\n').filter((now) => {
                const [name = ''] = now.trim().split(/\s+/)
                const isFirst =
                  Object.hasOwn(contents, name) && !after.skipped.has(name) && !seen.has(name)
                seen.add(name)
                return now !== '' && !isFirst
              })
            }
            const isDeleted = Object.entries(contents).some(
              ([name, each]) => each.operation === 'delete' && !after.skipped.has(name),
            )
            if (!isDeleted) expect(untouched(after.text)).toEqual(untouched(text))
            const updates = updatesOf(contents)
            const once = merge('pam.limits', LIMITS, text, updates).text
            expect(merge('pam.limits', LIMITS, once, updates).text).toBe(once)
          },
        ),
        { numRuns: RUNS },
      )
    },
    SLOW_MS,
  )
})

describe('F-04: the kubelet file', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'port', 'x.y', 'on', '12')
  const scalar = fc.oneof(
    fc.integer({ min: -1000, max: 1000 }),
    fc.constantFrom<unknown>(1.5, true, false, null),
    fc.constantFrom(
      '',
      'plain',
      'yes',
      '012',
      '~',
      '# no',
      'a: b',
      '- x',
      '"q"',
      "it's",
      'é',
      '1:30',
      '[',
      '{',
      '&a',
      '*a',
      '!t',
      '%',
      '@',
    ),
  )
  const value = fc.oneof(
    scalar,
    fc.array(scalar, { maxLength: 3 }),
    fc.dictionary(name, scalar, { maxKeys: 2, noNullPrototype: true }),
  )
  const tree = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true })
  let comment = 0
  const text = fc
    .tuple(tree, fc.constantFrom(0, 2), fc.boolean())
    .map(([each, indentSeq, hasComments]) => {
      const document = parseDocument('')
      document.contents = document.createNode(each) as typeof document.contents
      const plain = document.toString({ indentSeq: indentSeq > 0, lineWidth: 0 })
      comment = 0
      if (!hasComments || !isMap(document.contents) || plain.startsWith('{')) return plain
      return plain
        .split('\n')
        .map((line) => (/^[^\s-][^:]*:/.test(line) ? `# c${(comment += 1)}\n${line}` : line))
        .join('\n')
    })
  const path = fc
    .array(
      name.map((each) => `"${each}"`),
      { minLength: 1, maxLength: 3 },
    )
    .map((all) => all.join('.'))

  test(
    'other keys and all their comments stay; the asked-for ones are as asked',
    () => {
      fc.assert(
        fc.property(text, contentsOf(path, value), (before, contents) => {
          const keys = Object.keys(contents)
          // Keys inside each other depend on the order, which the contract leaves open.
          fc.pre(
            !keys.some((left) => keys.some((right) => left !== right && right.startsWith(left))),
          )
          const after = merge('kubernetes.kubelet', KUBELET, before, contents)
          const read = (each: string) =>
            (parseDocument(each, { version: '1.1' }).toJS() ?? {}) as Record<string, unknown>
          const [was, is] = [read(before), read(after.text)]
          const touched = new Set(keys.map((each) => each.split('"')[1]))
          for (const each of Object.keys(was))
            if (!touched.has(each)) expect(is[each]).toEqual(was[each])
          for (const [key, content] of Object.entries(contents)) {
            if (after.skipped.has(key)) continue
            const parts = key.slice(1, -1).split('"."')
            const at = (root: unknown) =>
              parts.reduce<unknown>(
                (each, part) => (each as Record<string, unknown> | undefined)?.[part],
                root,
              )
            if (content.operation === 'delete') expect(at(is)).toBeUndefined()
            else if (Array.isArray(at(was)))
              expect(at(is)).toEqual([...(at(was) as unknown[]), ...(content.value as unknown[])])
            else expect(at(is)).toEqual(content.value)
          }
          const comments = (each: string) => each.match(/^# c\d+$/gm)?.length ?? 0
          const gone = keys.filter((key) => contents[key]?.operation === 'delete').length
          expect(comments(after.text)).toBeGreaterThanOrEqual(comments(before) - gone)
          expect(merge('kubernetes.kubelet', KUBELET, after.text, {}).text).toBe(after.text)
        }),
        { numRuns: RUNS },
      )
    },
    SLOW_MS,
  )

  test(
    'foreign text is edited or refused, never worse',
    () => {
      const hostile = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc
          .array(fc.constantFrom(...Array.from(':-?#&*!|>\'"%@`{}[],\n ab1~')), { maxLength: 40 })
          .map((all) => all.join('')),
      )
      fc.assert(
        fc.property(hostile, (before) => {
          try {
            merge('kubernetes.kubelet', KUBELET, before, { 'a.b': { value: 'x', operation: '' } })
          } catch (error) {
            expect(error).toMatchObject({
              code: expect.stringMatching(
                /^(?:yaml-file-unreadable|setting-edit-failed)$/,
              ) as string,
            })
          }
        }),
        { numRuns: RUNS },
      )
    },
    SLOW_MS,
  )
})
