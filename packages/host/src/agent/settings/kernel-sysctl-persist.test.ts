// F-02: the merge of a sysctl file changes only the intended lines, and repeating it changes
// nothing.
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { kernelSysctlPersist } from './kernel-sysctl-persist.ts'
import { parseSysctlFile } from './sysctl-file.ts'

const key = fc.constantFrom('vm.a', 'vm.b', 'net.c', 'fs.d', 'kernel.e')
const value = fc.stringMatching(/^[0-9a-zA-Z =.,:-]{0,12}$/)
const line = fc.oneof(
  fc.tuple(key, value).map(([name, text]) => `${name} = ${text}`),
  value.map((text) => `# ${text}`),
  fc.constantFrom('', '  ', '; x', '\t'),
)
const contents = fc.dictionary(
  key,
  fc.record({
    value: fc.oneof(value, fc.integer(), fc.boolean(), fc.constant(null), fc.constant([1])),
    operation: fc.constantFrom('', 'delete', 'update'),
  }),
  { noNullPrototype: true },
)

function merge(
  text: string,
  request: Record<string, { value: unknown; operation: string }>,
): string {
  const entry = { model: kernelSysctlPersist.name, config_path: '', contents: request }
  return kernelSysctlPersist.plan(entry, () => text, {}).changes[0]?.content ?? ''
}

describe('kernelSysctlPersist', () => {
  test('changes only the first line of each requested key, and is idempotent but for deletes', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), contents, (lines, request) => {
        const before = lines.join('\n')
        const after = merge(before, request)
        const untouched = (text: string) =>
          parseSysctlFile('f', text).filter(
            (each) => each.kind === 'kept' || !(each.key in request),
          )
        expect(untouched(after)).toEqual(untouched(before))
        const keep = Object.entries(request).filter(([, each]) => each.operation !== 'delete')
        const updates = Object.fromEntries(keep)
        const updated = merge(before, updates)
        expect(merge(updated, updates)).toBe(updated)
      }),
      { numRuns: 10_000 },
    )
  }, 60_000)

  test('never throws another thing than a refusal for foreign file text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        try {
          parseSysctlFile('f', merge(text, { 'vm.a': { value: 1, operation: '' } }))
        } catch (error) {
          expect(error).toMatchObject({ kind: 'invalid' })
        }
      }),
      { numRuns: 2000 },
    )
  }, 60_000)
})
