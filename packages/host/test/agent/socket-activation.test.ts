// The agent started by systemd's protocol (contract 4.1, decision 12): the real
// systemd-socket-activate hands the socket over. Skips loudly where that program is missing.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { faultOf } from './fault-of.ts'
import { until } from './fake-clock.ts'
import { ask, call, connectRaw } from './raw-client.ts'

// Machines under load are slow; a hang still ends.
setDefaultTimeout(60_000)

const activate = Bun.which('systemd-socket-activate')
const fixture = path.join(import.meta.dir, 'activated-agent.ts')
const title = activate === null ? 'SKIPPED, systemd-socket-activate is not installed: ' : ''
let folder: string
let socketPath: string
/** Ended after each test, so that a failing one leaves no process behind. */
let started: Bun.Subprocess[]

beforeEach(() => {
  started = []
  folder = mkdtempSync(path.join(tmpdir(), 'agent-activation-'))
  socketPath = path.join(folder, 'os-agent.sock')
})
afterEach(() => {
  for (const child of started) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

function startActivated(env: Record<string, string> = {}) {
  const setenv = Object.entries(env).flatMap(([name, value]) => ['-E', `${name}=${value}`])
  const agent = Bun.spawn(
    [activate ?? '', ...setenv, '-l', socketPath, process.execPath, fixture, '/nowhere/s', folder],
    { stdout: 'pipe', stderr: 'ignore' },
  )
  started.push(agent)
  return agent
}

/** The path exists a moment before the socket listens. */
async function isListening(): Promise<boolean> {
  if (!existsSync(socketPath)) return false
  return (await faultOf(connectRaw(socketPath).then((client) => client.close()))) === undefined
}

describe.skipIf(activate === null)(`${title}activatedSocket()`, () => {
  test('serves the inherited socket, and ends with 0 when idle', async () => {
    const agent = startActivated()
    await until(isListening)
    expect(await ask(socketPath, call('cancel', 1))).toMatchObject({ id: 1 })
    expect(await ask(socketPath, call('cancel', 2))).toMatchObject({ id: 2 })
    expect(await agent.exited).toBe(0)
    expect(await new Response(agent.stdout).text()).toContain('activated=true')
    // The socket belongs to systemd: another start must find it.
    expect(existsSync(socketPath)).toBe(true)
  })

  test('ends with 0 on SIGTERM', async () => {
    const agent = startActivated({ IN_TRIAL: '1' })
    await until(isListening)
    await ask(socketPath, call('cancel', 1))
    agent.kill('SIGTERM')
    expect(await agent.exited).toBe(0)
  })

  test('stays while a client is connected', async () => {
    const agent = startActivated()
    await until(isListening)
    const client = await connectRaw(socketPath)
    await client.write(call('cancel', 1))
    await client.line()
    // The client's own limit (0.5 s here) ends it first, then the idle time (1.5 s) begins.
    expect(await client.line()).toBeUndefined()
    expect(await agent.exited).toBe(0)
  })
})

describe('activatedSocket()', () => {
  function run(env: Record<string, string>, third: 'ignore' | number) {
    // The shell-free way to have LISTEN_PID equal the program's own id: a program that sets it
    // itself.
    const script = [
      'process.env.LISTEN_PID = String(process.pid)',
      `process.argv = ${JSON.stringify(['', '', socketPath, folder])}`,
      `await import(${JSON.stringify(fixture)})`,
    ].join(';')
    return Bun.spawn([process.execPath, '-e', script], {
      env: { ...env, PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', 'pipe', 'ignore', third],
    })
  }

  test('refuses a descriptor that is no listening unix socket instead of listening elsewhere', async () => {
    const agent = run({ LISTEN_FDS: '1' }, 'ignore')
    expect(await agent.exited).toBe(69)
    expect(await new Response(agent.stdout).text()).toContain('not a listening unix socket')
    expect(existsSync(socketPath)).toBe(false)
  })

  test('refuses more than one socket', async () => {
    const agent = run({ LISTEN_FDS: '2' }, 'ignore')
    expect(await agent.exited).toBe(69)
    expect(await new Response(agent.stdout).text()).toContain('LISTEN_FDS is 2')
  })

  test('refuses a listening TCP socket', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await until(() => server.listening)
    const fd = (server as unknown as { _handle: { fd: number } })._handle.fd
    const agent = run({ LISTEN_FDS: '1' }, fd)
    expect(await agent.exited).toBe(69)
    server.close()
  })
})
