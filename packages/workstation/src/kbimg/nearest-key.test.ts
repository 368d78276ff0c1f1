// A suggestion only where it helps.
import { expect, test } from 'bun:test'
import { nearestKey } from './nearest-key.ts'

test('nearestKey() finds the key that was meant', () => {
  const known = ['repo_path', 'agent_path', 'version']
  expect(nearestKey('repo-path', known)).toBe('repo_path')
  expect(nearestKey('Version', known)).toBe('version')
  expect(nearestKey('agentpath', known)).toBe('agent_path')
  expect(nearestKey('completely_else', known)).toBeUndefined()
  expect(nearestKey('x'.repeat(100_000), known)).toBeUndefined()
})
