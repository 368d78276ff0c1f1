import { expect, test } from 'bun:test'
import { checkDocsParity } from './check-docs-parity.ts'

const check = (pages: Record<string, string>) =>
  checkDocsParity(Object.entries(pages).map(([path, text]) => ({ path, text }))).map(
    ({ path, message }) => `${path} ${message}`,
  )
const ENGLISH = '# Use\n\n## Start\n\n```sh\nmake demo # shows it\n```\n'

test('checkDocsParity() accepts a translation, comments in code included', () => {
  const chinese = '# 使用\n\n## 开始\n\n```sh\nmake demo # 演示\n```\n'
  expect(check({ 'README.md': ENGLISH, 'docs/zh/README.md': chinese })).toEqual([])
  expect(check({ 'docs/en/use.md': ENGLISH, 'docs/zh/use.md': chinese })).toEqual([])
})

test('checkDocsParity() names a page without its pair, in both directions', () => {
  expect(check({ 'docs/en/a.md': '' })).toEqual(['docs/en/a.md has no pair docs/zh/a.md'])
  expect(check({ 'docs/zh/b.md': '' })).toEqual(['docs/zh/b.md has no pair docs/en/b.md'])
  expect(check({ 'README.md': '' })).toEqual(['README.md has no pair docs/zh/README.md'])
})

test('checkDocsParity() finds a missing heading and other code', () => {
  const pages = (chinese: string) => ({ 'README.md': ENGLISH, 'docs/zh/README.md': chinese })
  expect(check(pages('# 使用\n\n```sh\nmake demo\n```\n')).join()).toContain('has headings 1;')
  const other = '# 使用\n\n## 开始\n\n```sh\nmake test\n```\n'
  expect(check(pages(other)).join()).toContain('block 1 differs')
  const more = `${ENGLISH}\n\`\`\`sh\nls\n\`\`\`\n`
  expect(check(pages(more)).join()).toContain('2 blocks, not 1')
})

test('checkDocsParity() does not take a comment of a script for a heading', () => {
  const page = '# Use\n\n```sh\n# comment\nls\n```\n'
  expect(check({ 'docs/en/a.md': page, 'docs/zh/a.md': page.replace('# comment\n', '') })).toEqual(
    [],
  )
})

test('checkDocsParity() lets text be translated, and compares the prose and code behind it', () => {
  const page = (text: string, code: string) =>
    `# Use\n\n\`\`\`text\n${text}\n\`\`\`\n\n${text}\n\n\`\`\`sh\n${code}\n\`\`\`\n`
  const pair = (chinese: string) => ({ 'docs/en/a.md': page('of', 'ls'), 'docs/zh/a.md': chinese })
  expect(check(pair(page('的', 'ls')))).toEqual([])
  expect(check(pair(page('的', 'ps'))).join()).toContain('block 1 differs')
})
