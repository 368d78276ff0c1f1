import { expect, test } from 'bun:test'
import { importsOf } from './imports.ts'

test('importsOf() finds every form of import with its line', () => {
  const text = [
    "import a from './a.ts'",
    "import type { B } from 'b'",
    "// never await import('./comment.ts') here",
    "import './effect.ts'",
    'import {',
    '  c,',
    "} from 'node:c'",
    "export { d } from './d.ts'",
    "const e = await import('./e.ts')",
    "export const f = 'from'",
    "import data from './g.json' with { type: 'json' }",
    'const text = "import no from \'string\'"',
  ].join('\n')
  expect(importsOf({ path: 'x.ts', text })).toEqual([
    { specifier: './a.ts', line: 1, isTypeOnly: false },
    { specifier: 'b', line: 2, isTypeOnly: true },
    { specifier: './effect.ts', line: 4, isTypeOnly: false },
    { specifier: 'node:c', line: 7, isTypeOnly: false },
    { specifier: './d.ts', line: 8, isTypeOnly: false },
    { specifier: './e.ts', line: 9, isTypeOnly: false },
    { specifier: './g.json', line: 11, isTypeOnly: false },
  ])
})
