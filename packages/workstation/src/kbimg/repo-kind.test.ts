// deb or rpm, by content (decision 27).
import { expect, test } from 'bun:test'
import { parseRepoKind } from './repo-kind.ts'

test('parseRepoKind() knows one-line apt sources', () => {
  const text = '# mirror\ndeb [signed-by=/a.gpg] http://deb.debian.org/debian bookworm main\n'
  expect(parseRepoKind(text, 'f')).toEqual({ kind: 'deb', suite: 'bookworm' })
})

test('parseRepoKind() knows deb822 sources and takes the first suite', () => {
  const text = 'Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm bookworm-updates\n'
  expect(parseRepoKind(text, 'f')).toEqual({ kind: 'deb', suite: 'bookworm' })
})

test('parseRepoKind() knows yum files', () => {
  expect(parseRepoKind('[everything]\nbaseurl=http://a/\n', 'f')).toEqual({ kind: 'rpm' })
})

test('parseRepoKind() refuses anything else and names the key', () => {
  for (const text of ['', 'hello\n', 'Types: deb\n', 'Types: rpm\nURIs: x\nSuites: y\n'])
    expect(() => parseRepoKind(text, 'f')).toThrow(/from_repo\.repo_path = "f"/)
})
