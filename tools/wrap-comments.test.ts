import { expect, test } from 'bun:test'
import { wrapComments } from './wrap-comments.ts'

const words = (count: number) =>
  Array.from({ length: count }, (_, at) => `word${at % 10}`).join(' ')

test('wrapComments() lets the rest flow into the next line of the same comment', () => {
  const wrapped = wrapComments(`// ${words(18)}\n// end here.\nconst a = 1`)
  expect(wrapped).toBe(`// ${words(16)}\n// word6 word7 end here.\nconst a = 1`)
})

test('wrapComments() opens a one-line TSDoc and keeps its indentation', () => {
  const wrapped = wrapComments(`  /** ${words(18)} */\n  a: string`)
  expect(wrapped).toBe(`  /**\n   * ${words(16)}\n   * word6 word7\n   */\n  a: string`)
})

test('wrapComments() does not flow into tags, lists or code', () => {
  for (const next of [
    '// - entry',
    '// @throws x',
    '// oxlint-disable-next-line x',
    'const a = 1',
  ]) {
    const wrapped = wrapComments(`// ${words(18)}\n${next}`)
    expect(wrapped).toBe(`// ${words(16)}\n// word6 word7\n${next}`)
  }
})

test('wrapComments() changes nothing that fits, nothing that is code, nothing with a link', () => {
  const text = `// ${words(16)}\nconst a = '${words(20)}'\n// https://example.org/ ${words(20)}\n`
  expect(wrapComments(text)).toBe(text)
  expect(wrapComments(`// ${'x'.repeat(120)}`)).toBe(`// ${'x'.repeat(120)}`)
})

test('wrapComments() is done after one pass', () => {
  const once = wrapComments(`// ${words(60)}\n// ${words(17)}\n`)
  expect(wrapComments(once)).toBe(once)
  expect(Math.max(...once.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
})

test('wrapComments() leaves text inside a template alone', () => {
  const text = `const unit = \`\n// ${words(20)}\n * ${words(20)}\n\`\n`
  expect(wrapComments(text)).toBe(text)
})
