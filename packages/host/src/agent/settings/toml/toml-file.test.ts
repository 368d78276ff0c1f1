// F-04, TOML: an edit means what was asked for, other lines stay byte for byte, and no text makes
// the editor throw anything but a refusal.
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { parse } from 'smol-toml'
import { openTomlFile } from './toml-file.ts'

const RUNS = 10_000

const CONTAINERD = `# top comment
version = 2   # v2

disabled_plugins = [ "a" ] # none
root = "/data"
[grpc]
  address = "/run/x.sock" # here
  # below

# about plugins
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    stream_port = "0"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
[[other]]
x = 1
`
const CRI = ['plugins', 'io.containerd.grpc.v1.cri']

const name = fc.constantFrom('a', 'b', 'c', 'plugins', 'io.x.v1', 'q r', '__proto__', 'x"y', 'é')
const scalar = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc.constantFrom(1.5, -0.25, 1e30, true, false),
  fc.constantFrom('', 'plain', 'q"uo\'te', '# none', '[x]', 'a\\b', '=', 'é\u{1F600}'),
)
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }))
const keyText = (part: string) => (/^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part))
const valueText = (each: unknown, isTall = false): string => {
  if (!Array.isArray(each)) return typeof each === 'string' ? JSON.stringify(each) : String(each)
  if (!isTall) return `[ ${each.map((item) => valueText(item)).join(', ')} ]`
  return `[\n${each.map((item) => `    ${valueText(item)}, # each\n`).join('')}  ]`
}
const row = fc
  .record({
    keys: fc.array(name, { minLength: 1, maxLength: 2 }),
    value,
    isTall: fc.boolean(),
    isInline: fc.nat({ max: 5 }),
    comment: fc.constantFrom('', ' # said', '\t#'),
    indent: fc.constantFrom('', '  ', '\t'),
  })
  .map((each) => {
    const text = valueText(each.value, each.isTall)
    const inline = `{ k = ${valueText(each.value)}, "l m" = 1 }`
    const head = `${each.indent}${each.keys.map(keyText).join('.')} = `
    return `${head}${each.isInline === 0 ? inline : text}${each.comment}`
  })
const section = fc
  .record({
    path: fc.array(name, { minLength: 1, maxLength: 3 }),
    isList: fc.nat({ max: 6 }),
    rows: fc.array(row, { maxLength: 3 }),
    above: fc.constantFrom('', '\n', '# about\n', '\n  # one\n# two\n'),
  })
  .map((each) => {
    const path = each.path.map(keyText).join('.')
    const header = each.isList === 0 ? `[[${path}]]` : `[${path}]`
    return [`${each.above}${header}`, ...each.rows].join('\n')
  })
const document = fc
  .tuple(fc.array(row, { maxLength: 3 }), fc.array(section, { maxLength: 4 }), fc.boolean())
  .map(([rows, sections, isCrlf]) => {
    const text = [...rows, ...sections].map((part) => `${part}\n`).join('')
    return isCrlf ? text.replaceAll('\n', '\r\n') : text
  })
  .filter((text) => meaning(text) !== undefined)
const edit = fc.record({
  path: fc.array(
    name.filter((part) => part !== '__proto__'),
    { minLength: 1, maxLength: 3 },
  ),
  value: fc.option(value, { nil: undefined }),
})

function meaning(text: string): unknown {
  try {
    return asMap(parse(text))
  } catch {
    return undefined
  }
}

const byKey = ([left]: [string, unknown], [right]: [string, unknown]) => (left < right ? -1 : 1)

/** Maps without empty tables: those are not told from none. */
function asMap(each: unknown): unknown {
  if (Array.isArray(each)) return each.map(asMap)
  if (typeof each !== 'object' || each === null) return each
  const entries = Object.entries(each).map(
    ([key, inner]) => [key, asMap(inner)] as [string, unknown],
  )
  return new Map(
    entries.filter(([, inner]) => !(inner instanceof Map && inner.size === 0)).sort(byKey),
  )
}

/** The same edit on plain maps: what the text must come to mean. */
function meantBy(before: unknown, path: string[], wanted: unknown): unknown {
  if (!(before instanceof Map)) return before
  const copy = new Map<string, unknown>(before as Map<string, unknown>)
  const [first = '', ...rest] = path
  const old = copy.get(first)
  if (rest.length > 0) copy.set(first, meantBy(old ?? new Map(), rest, wanted))
  else if (wanted === undefined) copy.delete(first)
  else if (Array.isArray(old) && Array.isArray(wanted)) copy.set(first, [...old, ...wanted])
  else copy.set(first, wanted)
  const kept = [...copy].filter(([, inner]) => !(inner instanceof Map && inner.size === 0))
  return new Map(kept.sort(byKey))
}

describe('openTomlFile()', () => {
  test('changes the asked-for lines of a file of containerd, and no other', () => {
    const file = openTomlFile('f', CONTAINERD)
    expect(file.set([...CRI, 'sandbox_image'], 'reg.lan/pause:3.9')).toBe('done')
    expect(
      file.set([...CRI, 'containerd', 'runtimes', 'runc', 'options', 'SystemdCgroup'], true),
    ).toBe('done')
    expect(file.set(['disabled_plugins'], ['cri2', null, {}])).toBe('done')
    expect(file.set(['oom_score'], -999)).toBe('done')
    expect(file.remove(['root'])).toBe('done')
    expect(file.set([...CRI, 'registry', 'config_path'], '/etc/containerd/certs.d')).toBe('done')
    expect(file.render()).toBe(
      CONTAINERD.replace('[ "a" ]', '[ "a", "cri2" ]')
        .replace('root = "/data"\n', 'oom_score = -999\n')
        .replace('"0"\n', '"0"\n    sandbox_image = "reg.lan/pause:3.9"\n')
        .replace(
          '= false\n',
          '= true\n\n  [plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n',
        ),
    )
  })

  test.each([
    [['other', 'x'], 1, 'not-a-table'],
    [['version', 'x'], 1, 'not-a-table'],
    [['disabled_plugins'], 'b', 'not-a-list'],
    [['other'], ['b'], 'value-not-usable'],
    [['x'], null, 'value-not-usable'],
    [['x'], { a: 1 }, 'value-not-usable'],
  ])('leaves %j alone for %j: %s', (path, wanted, outcome) => {
    const file = openTomlFile('f', CONTAINERD)
    expect(file.set(path, wanted)).toBe(outcome as 'not-a-table')
    expect(file.render()).toBe(CONTAINERD)
  })

  test('F-04: means what was asked for after any edit of any text', () => {
    let done = 0
    fc.assert(
      fc.property(document, fc.array(edit, { minLength: 1, maxLength: 3 }), (text, edits) => {
        const file = openTomlFile('f', text)
        let wanted = meaning(text)
        for (const each of edits) {
          const outcome =
            each.value === undefined ? file.remove(each.path) : file.set(each.path, each.value)
          if (outcome !== 'done') continue
          done += 1
          wanted = meantBy(wanted, each.path, each.value)
        }
        const after = file.render()
        expect(meaning(after)).toEqual(wanted)
        // A second look finds nothing to do.
        expect(openTomlFile('f', after).render()).toBe(after)
      }),
      { numRuns: RUNS },
    )
    expect(done).toBeGreaterThan(RUNS)
  }, 120_000)

  test('F-04: one new value changes one line', () => {
    fc.assert(
      fc.property(document, name, scalar, (text, key, wanted) => {
        const file = openTomlFile('f', text)
        fc.pre(key !== '__proto__' && file.observe([key]) === undefined)
        expect(file.set([key], wanted)).toBe('done')
        const lines = file.render().split(/\r?\n/)
        const before = text.split(/\r?\n/)
        const at = lines.findIndex((line, index) => line !== before[index])
        expect(lines.toSpliced(at, 1)).toEqual(before)
      }),
      { numRuns: 2000 },
    )
  }, 120_000)

  test('F-04: refuses what is no TOML, whatever it is', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc
        .array(fc.constantFrom(...Array.from('[]{}="\'#,.\n\\ a1-_"""')), { maxLength: 60 })
        .map((all) => all.join('')),
    )
    fc.assert(
      fc.property(hostile, (text) => {
        try {
          const file = openTomlFile('f', text)
          file.set(['a', 'b'], 1)
          file.remove(['c'])
          file.render()
        } catch (error) {
          expect(error).toMatchObject({ kind: 'invalid', code: 'toml-file-unreadable' })
        }
      }),
      { numRuns: RUNS },
    )
  }, 120_000)

  test.each(['a = 1\na = 2\n', '[a]\n[a]\n', 'a = 1\n[a]\n', 'a = { b = 1, b = 2 }\n'])(
    'refuses %j',
    (text) => {
      expect(() => openTomlFile('f', text)).toThrow('f is not valid TOML')
    },
  )

  test('refuses a list without an end in sight', () => {
    const deep = `a = ${'['.repeat(3000)}${']'.repeat(3000)}\n`
    expect(() => openTomlFile('f', deep)).toThrow('f is not valid TOML')
  })

  test('keeps whole numbers that JSON cannot hold', () => {
    const file = openTomlFile('f', 'big = 9007199254740993\n')
    file.set(['a'], 1)
    expect(file.render()).toBe('big = 9007199254740993\na = 1\n')
  })
})
