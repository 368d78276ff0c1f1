import { expect, test } from 'bun:test'
import { type RestartProcess, restartWithEnvironment } from './restart-with-environment.ts'

const WANTED = { BUN_JSC_useJIT: '0' }

test('restartWithEnvironment() starts the same file by the same name, arguments and variables', () => {
  const calls = restart({ env: { NODE_NAME: 'a' } })
  expect(calls).toEqual([
    ['/proxy', ['proxy', '--socket', '/s'], { NODE_NAME: 'a', BUN_JSC_useJIT: '0' }],
  ])
})

test('restartWithEnvironment() leaves a variable that somebody has set, and so ends', () => {
  expect(restart({ env: { BUN_JSC_useJIT: '0' } })).toEqual([])
  expect(restart({ env: { BUN_JSC_useJIT: '1' } })).toEqual([])
})

test('restartWithEnvironment() does not restart a runtime that runs a source file', () => {
  expect(restart({ argv: ['bun', '/src/main.ts', '--socket', '/s'] })).toEqual([])
})

test('restartWithEnvironment() goes on where the system forbids it', () => {
  const execve = () => {
    throw new Error('EPERM')
  }
  expect(() => restart({ execve })).not.toThrow()
})

function restart(changes: Partial<RestartProcess>) {
  const calls: unknown[][] = []
  restartWithEnvironment(WANTED, {
    execPath: '/proxy',
    argv0: 'proxy',
    argv: ['bun', '/$bunfs/root/proxy', '--socket', '/s'],
    env: {},
    execve: (...call) => void calls.push(call),
    ...changes,
  })
  return calls
}
