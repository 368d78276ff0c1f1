// The applet as a program: help, wrong calls, and who may run it.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import path from 'node:path'

// Machines under load are slow; a hang still ends.
setDefaultTimeout(60_000)

const main = path.join(import.meta.dir, '../../src/main.ts')
const setpriv = process.getuid?.() === 0 ? Bun.which('setpriv') : null

async function run(...argv: string[]) {
  return await spawn([process.execPath, main, 'os-agent', ...argv])
}

async function spawn(argv: string[]) {
  const child = Bun.spawn(argv, { stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { stdout, stderr, exitCode }
}

describe('osAgentApplet()', () => {
  test('tells its usage', async () => {
    const { stdout, exitCode } = await run('--help')
    expect(stdout).toContain('allow DIGEST VERSION')
    expect(exitCode).toBe(0)
  })

  test('ends with 64 for a wrong call, and says what was wrong', async () => {
    const { stderr, exitCode } = await run('serve')
    expect(stderr).toContain('there is no command')
    expect(exitCode).toBe(64)
  })

  const title = setpriv === null ? 'SKIPPED, needs root and setpriv: ' : ''
  test.skipIf(setpriv === null)(`${title}refuses to run as another user than root`, async () => {
    const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--']
    const { stderr, exitCode } = await spawn([
      setpriv ?? '',
      ...asNobody,
      process.execPath,
      main,
      'os-agent',
      'gate',
    ])
    expect(stderr).toContain('run it as root')
    expect(exitCode).toBe(64)
  })
})
