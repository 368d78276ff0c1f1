// hostshell out of a mount namespace of its own into that of process 1, as from a privileged
// container with hostPID (contract 7.1), with journald's side played by the test.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { until } from '../agent/fake-clock.ts'

// Machines under load are slow; a hang still ends.
setDefaultTimeout(60_000)

const fixture = path.join(import.meta.dir, 'hostshell-in-container.ts')
const main = path.join(import.meta.dir, '../../src/main.ts')
// Process 1 of a process namespace of its own is the host's; the real one may be out of reach.
const HOST = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--'] as const
const INIT = ['bash', '-c', '"$@"; exit $?', 'init', 'unshare', '--mount', '--'] as const
const canEnter =
  process.getuid?.() === 0 &&
  Bun.which('unshare') !== null &&
  Bun.spawnSync([...HOST, ...INIT, 'nsenter', '--target=1', '--all', '--', 'true']).exitCode === 0
const title = canEnter ? '' : 'SKIPPED, needs root, unshare and nsenter: '

let folder: string
let journal: Server
let recorded: string

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'hostshell-'))
  recorded = ''
  journal = createServer((socket) => {
    socket.on('data', (bytes) => (recorded += bytes.toString()))
    socket.on('end', () => socket.end())
  })
  mkdirSync(path.join(folder, 'run/systemd/journal'), { recursive: true })
  await new Promise<void>((resolve) =>
    journal.listen(path.join(folder, 'run/systemd/journal/stdout'), () => resolve()),
  )
})
afterEach(() => {
  journal.close()
  rmSync(folder, { recursive: true })
})

/** The caller of hostshell is process 1 itself. */
function start(script: string, env: Record<string, string> = {}, minuteMs = '60000') {
  return Bun.spawn([...HOST, ...INIT, process.execPath, fixture, folder, minuteMs], {
    stdin: new TextEncoder().encode(script),
    stdout: 'pipe',
    stderr: 'pipe',
    env: { PATH: process.env['PATH'] ?? '', ...env },
  })
}

async function endOf(child: ReturnType<typeof start>) {
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { stdout, stderr, exitCode }
}

describe.skipIf(!canEnter)(`${title}runHostshell()`, () => {
  test("runs the container's bash in the host's namespaces and gives its exit code", async () => {
    const script =
      'readlink /proc/self/ns/mnt /proc/1/ns/mnt; echo "[$SECRET]"; echo $PATH; echo $0; exit 7\n'
    const child = start(script, { SECRET: 'canary', LD_LIBRARY_PATH: '/nowhere' })
    const { stdout, stderr, exitCode } = await endOf(child)
    const [mounts, hosts, secret, programs, shell] = stdout.split('\n')
    expect(mounts).toBe(hosts ?? '')
    expect(mounts).not.toBe('')
    expect(secret).toBe('[]')
    expect(programs).toEndWith('/proc/1/root/usr/local/sbin')
    expect(shell).toBe('/proc/1/root/usr/bin/bash')
    expect(exitCode).toBe(7)
    expect(stderr).toContain('the session is recorded and ends at')
  })

  test('records both ends of a session, escape sequences made harmless', async () => {
    await endOf(start('exit 3\n', { SSH_CONNECTION: '10.0.0.1\u001b[31m 22', HOSTNAME: 'admin-1' }))
    await until(() => recorded.includes('session-ended'))
    const lines = recorded.split('\n')
    expect(lines[0]).toBe('hostshell')
    const started = lines.find((line) => line.includes('event=session-started')) ?? ''
    expect(started).toContain('uid=0 pid=1 pod=admin-1 from="10.0.0.1\\u001b[31m 22"')
    const ended = lines.find((line) => line.includes('event=session-ended')) ?? ''
    expect(ended).toContain('exitCode=3 reason=exit')
    const session = /session=(\S+)/.exec(started)?.[1] ?? 'none'
    expect(ended).toContain(`session=${session}`)
    expect(recorded).not.toContain('\u001b')
  })

  test('ends a session at its limit, also one that does not heed a hang-up', async () => {
    const script = "trap '' HUP; while :; do sleep 1; done\n"
    const child = start(script, { HOSTSHELL_LIMIT_MINUTES: '1' }, '3000')
    const { stderr, exitCode } = await endOf(child)
    expect(exitCode).toBe(137)
    expect(stderr).toContain('the time limit is reached')
    expect(recorded).toContain('reason=time-limit')
  })

  test('ends the session when its terminal goes away or it is stopped, and records it', async () => {
    for (const [signal, reason] of [
      ['HUP', 'hang-up'],
      ['TERM', 'stopped'],
    ] as const) {
      recorded = ''
      const { exitCode } = await endOf(start(`kill -${signal} $PPID; exec sleep 600\n`))
      expect(exitCode).toBe(129)
      await until(() => recorded.includes(`reason=${reason}`))
    }
  })

  test('starts nothing when the session would leave no trace', async () => {
    journal.close()
    rmSync(path.join(folder, 'run'), { recursive: true })
    const { stdout, stderr, exitCode } = await endOf(start('echo started\n'))
    expect(stdout).toBe('')
    expect(stderr).toContain('[host/session-not-recorded]')
    expect(exitCode).toBe(69)
  })
})

describe('hostshellApplet()', () => {
  async function run(argv: string[]) {
    const child = Bun.spawn(argv, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
    return { stderr: await new Response(child.stderr).text(), exitCode: await child.exited }
  }

  test('takes no arguments', async () => {
    const { stderr, exitCode } = await run([process.execPath, main, 'hostshell', '-c', 'id'])
    expect(stderr).toContain('it takes none [invalid/usage]')
    expect(exitCode).toBe(64)
  })

  const isRoot = process.getuid?.() === 0
  const rootTitle = isRoot ? '' : 'SKIPPED, needs root: '
  test.skipIf(!isRoot)(`${rootTitle}refuses outside an admin container`, async () => {
    const { stderr, exitCode } = await run([process.execPath, main, 'hostshell'])
    expect(stderr).toContain('[invalid/not-in-admin-container]')
    expect(exitCode).toBe(64)
  })

  const setpriv = isRoot ? Bun.which('setpriv') : null
  const privTitle = setpriv === null ? 'SKIPPED, needs root and setpriv: ' : ''
  test.skipIf(setpriv === null)(
    `${privTitle}ends with 1 for other users, as documented`,
    async () => {
      const asNobody = [setpriv ?? '', '--reuid=65534', '--regid=65534', '--clear-groups', '--']
      const { stderr, exitCode } = await run([...asNobody, process.execPath, main, 'hostshell'])
      expect(stderr).toContain('run it as root')
      expect(exitCode).toBe(1)
    },
  )
})
