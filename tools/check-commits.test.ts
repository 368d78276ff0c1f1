import { expect, test } from 'bun:test'
import { checkCommits, readCommits } from './check-commits.ts'

const check = (subject: string, body = 'Because.') =>
  checkCommits([{ id: '0123456789abcdef', subject, body }]).map((finding) => finding.message)

test('checkCommits() accepts type, area, subject and a body', () => {
  expect(check('fix(kube): resume a watch after 410')).toEqual([])
})

test('checkCommits() refuses another form', () => {
  for (const subject of ['Fix a bug', 'fix: a bug', 'style(kube): x', 'fix(kube) x', 'fix(kube):x'])
    expect(check(subject).join(), subject).toContain('type(area)')
})

test('checkCommits() refuses a subject above 72 characters and a missing body', () => {
  const subject = `fix(kube): ${'x'.repeat(61)}`
  expect(check(subject)).toEqual([])
  expect(check(`${subject}x`).join()).toContain('73 characters')
  expect(check('fix(kube): x', ' \n').join()).toContain('no body')
})

test('readCommits() reads subjects and bodies of this repository', async () => {
  const commits = await readCommits('HEAD')
  expect(commits.length).toBeGreaterThan(0)
  for (const { id, subject } of commits) {
    expect(id).toMatch(/^[0-9a-f]{40}$/)
    expect(subject).not.toBe('')
  }
})
