import { expect, test } from 'bun:test'
import { checkPins } from './check-pins.ts'

function check(range: string, entry: object = { integrity: 'sha512-x' }): string[] {
  const dependencies = { left: range }
  const packages = { 'packages/a': { dependencies }, 'node_modules/left': entry }
  return checkPins([
    { path: 'packages/a/package.json', text: JSON.stringify({ dependencies }) },
    { path: 'package-lock.json', text: JSON.stringify({ packages }) },
  ]).map((finding) => finding.message)
}

test('checkPins() accepts one exact version', () => {
  expect(check('1.2.3')).toEqual([])
  expect(check('1.2.3-beta.1')).toEqual([])
})

test('checkPins() refuses ranges, tags and addresses', () => {
  for (const range of ['^1.2.3', '~1.2.3', '1.x', '*', 'latest', 'git+ssh://x', '>=1.0.0', ''])
    expect(check(range).join(), range).toContain('pin one version')
})

test('checkPins() refuses a lock file that is missing, stale or bound to a registry', () => {
  const manifest = { path: 'package.json', text: '{"devDependencies":{"left":"1.2.3"}}' }
  expect(checkPins([manifest])[0]?.message).toContain('missing')
  const empty = { path: 'package-lock.json', text: '{"packages":{"":{}}}' }
  expect(checkPins([manifest, empty])[0]?.message).toContain('is not in package-lock.json')
  const resolved = { integrity: 'sha512-x', resolved: 'https://registry.example/left.tgz' }
  expect(check('1.2.3', resolved).join()).toContain('names a registry')
  expect(check('1.2.3', {}).join()).toContain('no integrity')
})
