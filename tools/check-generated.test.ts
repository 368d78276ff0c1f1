import { expect, test } from 'bun:test'
import { checkGenerated } from './check-generated.ts'

const wanted = new Map([['deploy/crds/a.yaml', 'a: 1\n']])
const check = (files: Record<string, string>) =>
  checkGenerated(
    Object.entries(files).map(([path, text]) => ({ path, text })),
    wanted,
    'run it',
  ).map((finding) => `${finding.path} ${finding.message}`)

test('checkGenerated() accepts what the generator makes', () => {
  expect(check({ 'deploy/crds/a.yaml': 'a: 1\n', 'deploy/other/b.yaml': '' })).toEqual([])
})

test('checkGenerated() refuses a stale, a missing and a foreign file', () => {
  const stale = 'deploy/crds/a.yaml is not what the generator makes: run it'
  expect(check({ 'deploy/crds/a.yaml': 'a: 2\n' })).toEqual([stale])
  expect(check({})).toEqual([stale])
  const foreign = check({ 'deploy/crds/a.yaml': 'a: 1\n', 'deploy/crds/old.yaml': '' })
  expect(foreign.join()).toContain('deploy/crds/old.yaml stands among')
})
