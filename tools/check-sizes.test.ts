import { expect, test } from 'bun:test'
import { checkSizes } from './check-sizes.ts'

const lines = (count: number) => 'const a = 1\n'.repeat(count)
const check = (text: string, path = 'packages/a/src/x.ts') =>
  checkSizes([{ path, text }]).map(({ message, isWarning }) => `${isWarning ? 'w:' : ''}${message}`)

test('checkSizes() warns above 300 lines and refuses above 500', () => {
  expect(check(lines(300))).toEqual([])
  expect(check(lines(301))).toEqual(['w:has 301 lines; think of a split'])
  expect(check(lines(501))).toEqual(['has 501 lines; the limit is 500: split it'])
})

test('checkSizes() does not warn about tests but holds the limit for them', () => {
  expect(check(lines(400), 'packages/a/src/x.test.ts')).toEqual([])
  expect(check(lines(501), 'packages/a/src/x.test.ts')).toHaveLength(1)
})

test('checkSizes() exempts what is marked in its first lines', () => {
  expect(check(`// check-sizes: table\n${lines(600)}`)).toEqual([])
  expect(check(`${lines(10)}// check-sizes: table\n${lines(600)}`)).toHaveLength(1)
})

test('checkSizes() refuses long comments and long code, not long strings and links', () => {
  const long = 'word '.repeat(25)
  expect(check(`// ${long}`)).toEqual(['has 128 columns; the limit is 100'])
  expect(check(` * ${long}\n`)).toHaveLength(1)
  expect(check(`const a = ${'b + '.repeat(30)}c`)).toHaveLength(1)
  expect(check(`throw new Error('${long}')`)).toEqual([])
  expect(check(`const a = \`${long} \${b.map((c) => c.name).join(', ')}\``)).toEqual([])
  expect(check(`// see https://example.org/${'x'.repeat(90)}`)).toEqual([])
})
