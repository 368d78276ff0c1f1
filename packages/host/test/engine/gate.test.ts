// The health gate on a node of files: what it asks, what it says, and what it does when its own
// means are broken.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { OsError } from '@kubenest/base/errors'
import type { ExecResult } from '@kubenest/base/exec'
import { deadline, gate, trialStart } from '../../src/agent/update/commands.ts'
import { createJournal } from '../../src/agent/update/journal.ts'
import { tryLockFile } from '../../src/linux/file-lock.ts'
import { createFakeNode, makeImage, type FakeNode } from './fake-node.ts'
import { requestFor } from './requests.ts'

// Real GRUB and real disks, on a machine that does other things, too.
setDefaultTimeout(60_000)

let folder = ''
let node: FakeNode
let servers: (Server | Bun.Server<undefined>)[] = []
const never = new AbortController().signal

beforeEach(async () => {
  servers = []
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'gate-'))
  node = await createFakeNode(folder)
  await node.engine.recover()
  const image = await makeImage(folder, { version: 'v2' })
  node.serve(image)
  await node.engine.prepare(requestFor(image, 'v2'), () => {}, never)
  await node.engine.activate({})
  expect((await node.boot()).slot).toBe('B')
})
afterEach(async () => {
  for (const server of servers) await ('stop' in server ? server.stop(true) : server.close())
  await fs.rm(folder, { recursive: true })
})

async function require(lines: string, deadlineSeconds = 0.05): Promise<void> {
  const timings = `[timings]\nleast_uptime_seconds = 0\nwanted_wait_seconds = 0\n`
  const looks = `look_interval_seconds = 0.001\ndeadline_seconds = ${deadlineSeconds}\n`
  const empty = ['mounts', 'units', 'units_if_enabled', 'sockets', 'http']
    .filter((key) => !new RegExp(`^${key} =`, 'm').test(lines))
    .map((key) => `${key} = []\n`)
  const text = `${timings}${looks}[required]\n${lines}\n${empty.join('')}`
  await fs.writeFile(path.join(node.root, 'etc/kubenest/health.toml'), text)
}

/** The verdict and its reasons as the old slot tells them after the fallback. */
async function afterFallback() {
  expect((await node.boot()).slot).toBe('A')
  const engine = node.restart()
  await engine.recover()
  const { trial } = await engine.describe()
  return [trial?.verdict, trial?.reasons.join('; ')]
}

async function serveAgent(answer: string | undefined, delayMs = 0): Promise<void> {
  const socket = path.join(node.root, 'run/os-agent/os-agent.sock')
  await fs.mkdir(path.dirname(socket), { recursive: true })
  const server = createServer((client) => {
    client.on('error', () => {})
    client.on('data', () => {
      if (answer !== undefined) setTimeout(() => client.write(answer), delayMs)
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(socket, resolve))
}

function withSystemctl(answers: (words: string) => Partial<ExecResult>): FakeNode['deps'] {
  const run = async ({ argv }: { argv: readonly string[] }): Promise<ExecResult> => ({
    exitCode: 0,
    stdout: '',
    stderr: '',
    ...answers(argv.slice(1).join(' ')),
  })
  return { ...node.deps, exec: { run } }
}

const AGENT = 'sockets = ["/run/os-agent/os-agent.sock"]'

describe('gate()', () => {
  test('gate() commits when the agent answers status', async () => {
    await require(AGENT)
    await serveAgent('{"jsonrpc":"2.0","result":{"agentVersion":"1"},"id":1}\n')
    expect(await gate(node.deps, never)).toBe(0)
    expect((await node.boot()).slot).toBe('B')
  })

  test('gate() waits for an agent that a slow machine has only begun to start', async () => {
    await require(AGENT, 20)
    await serveAgent('{"jsonrpc":"2.0","result":{"agentVersion":"1"},"id":1}\n', 3_300)
    expect(await gate(node.deps, never)).toBe(0)
  }, 30_000)

  test('gate() falls back when something accepts connections and never answers status', async () => {
    await require(AGENT)
    await serveAgent(undefined)
    expect(await gate(node.deps, never)).toBe(75)
    const [verdict, reasons] = await afterFallback()
    expect(verdict).toBe('TrialUnhealthy')
    expect(reasons).toStartWith('The agent does not answer status: Cannot read the answer')
    expect(reasons).toEndWith('still so after 0 s')
  }, 20_000)

  test('gate() falls back when status is answered with an error', async () => {
    await require(AGENT)
    await serveAgent('{"jsonrpc":"2.0","error":{"code":-1,"message":"[host/x] broken"},"id":1}\n')
    expect(await gate(node.deps, never)).toBe(75)
    const reason = 'The agent does not answer status: broken, still so after 0 s'
    expect((await afterFallback())[1]).toBe(reason)
  })

  test('gate() says which status an address answers with until the deadline', async () => {
    const server = Bun.serve({ port: 0, fetch: () => new Response('no', { status: 500 }) })
    servers.push(server)
    await require(`http = ["http://127.0.0.1:${server.port}/healthz"]`, 1)
    expect(await gate(node.deps, never)).toBe(75)
    const reason = `http://127.0.0.1:${server.port}/healthz answers with status 500`
    expect(await afterFallback()).toEqual(['TrialUnhealthy', `${reason}, still so after 1 s`])
  })

  test('gate() falls back when a unit that a target requires has failed, and for no other', async () => {
    await require('')
    await fs.mkdir(path.join(node.root, 'run/systemd/system'), { recursive: true })
    const answers = (requiredBy: string) =>
      withSystemctl((words) => {
        if (words.startsWith('list-units'))
          return { stdout: 'boot-efi.mount loaded failed failed x\n' }
        return { stdout: words.startsWith('show') ? requiredBy : '' }
      })
    expect(await gate(answers('local-fs.target\n\n'), never)).toBe(75)
    const reason = 'Unit boot-efi.mount, which local-fs.target requires, has failed'
    expect(await afterFallback()).toEqual(['TrialUnhealthy', reason])
  })

  test('gate() commits in spite of a failed unit that no target requires', async () => {
    await require('')
    await fs.mkdir(path.join(node.root, 'run/systemd/system'), { recursive: true })
    const deps = withSystemctl((words) => ({
      stdout: words.startsWith('list-units') ? 'logrotate.service loaded failed failed x\n' : '\n',
    }))
    expect(await gate(deps, never)).toBe(0)
  })

  test('gate() goes on looking when a look itself fails', async () => {
    await require('units = ["x.service"]', 60)
    let looks = 0
    const deps = withSystemctl(() => {
      looks += 1
      if (looks < 3) throw new OsError('host', { code: 'command-timed-out', message: 'Cannot ask' })
      return { stdout: 'active\n' }
    })
    expect(await gate(deps, never)).toBe(0)
    expect(looks).toBe(3)
  })

  test('gate() notes the start of a trial whose early unit failed', async () => {
    await require('mounts = ["/missing"]')
    expect(await gate(node.deps, never)).toBe(75)
    expect(await afterFallback()).toEqual(['TrialUnhealthy', '/missing is not mounted'])
  })

  test('gate() waits for a journal that another process holds, and decides then', async () => {
    await require('')
    let nowMs = 0
    let held = await tryLockFile(path.join(node.root, 'persist/kubenest/journal.lock'))
    const clock = {
      ...node.deps.clock,
      monotonicMs: () => nowMs,
      sleep: async () => {
        nowMs += 5_000
        if (nowMs < 60_000) return
        await held?.release()
        held = undefined
      },
    }
    expect(await gate({ ...node.deps, clock }, never)).toBe(0)
    expect(nowMs).toBe(60_000)
    expect((await node.boot()).slot).toBe('B')
  })

  const isActive = (words: string) => ({ stdout: words.startsWith('is-active') ? 'active\n' : '' })

  test('gate() wants an answer of containerd where it is enabled, not only its unit', async () => {
    await require('units_if_enabled = ["containerd.service"]')
    const reason = 'Nothing answers at /run/containerd/containerd.sock, still so after 0 s'
    expect(await gate(withSystemctl(isActive), never)).toBe(75)
    expect(await afterFallback()).toEqual(['TrialUnhealthy', reason])
  })

  test('gate() asks the health of kubelet where it is enabled', async () => {
    await require('units_if_enabled = ["containerd.service", "kubelet.service"]', 20)
    const socket = path.join(node.root, 'run/containerd/containerd.sock')
    await fs.mkdir(path.dirname(socket), { recursive: true })
    const server = createServer(() => {})
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    const asked: string[] = []
    const fake = async (url: string) => {
      asked.push(url)
      return new Response('ok', { status: asked.length > 1 ? 200 : 500 })
    }
    const spy = spyOn(globalThis, 'fetch').mockImplementation(fake as typeof fetch)
    try {
      expect(await gate(withSystemctl(isActive), never)).toBe(0)
    } finally {
      spy.mockRestore()
    }
    expect(asked).toEqual(Array(2).fill('http://127.0.0.1:10248/healthz'))
  })

  async function drop(kind: 'required' | 'wanted', body: string): Promise<void> {
    const file = path.join(node.root, `etc/kubenest/health.d/${kind}/10-mine`)
    await fs.mkdir(path.dirname(file), { recursive: true })
    await fs.writeFile(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 })
  }

  test('gate() falls back when a required check of a person says no, with what it said', async () => {
    await require('')
    await drop('required', 'echo the database is empty; exit 1')
    expect(await gate(node.deps, never)).toBe(75)
    const reason =
      'Check /etc/kubenest/health.d/required/10-mine exits with 1: the database is empty'
    expect(await afterFallback()).toEqual(['TrialUnhealthy', reason])
  })

  test('gate() commits in spite of a wanted check and tells what it said', async () => {
    await require('', 20)
    await drop('wanted', 'echo the mirror is slow; exit 1')
    expect(await gate(node.deps, never)).toBe(0)
    const { trial } = await node.restart().describe()
    expect([trial?.verdict, trial?.reasons]).toEqual([
      'Committed',
      ['Check /etc/kubenest/health.d/wanted/10-mine exits with 1: the mirror is slow'],
    ])
  })

  test('gate() tells what it waits for, in status and once in its log', async () => {
    let status = 503
    const web = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Response('', { status }),
    })
    servers.push(web)
    const url = `http://127.0.0.1:${web.port}/`
    await require(`http = ["${url}"]`, 20)
    const lines: unknown[] = []
    const log = { ...node.deps.log, info: (...line: unknown[]) => void lines.push(line) }
    const done = gate({ ...node.deps, log }, never)
    const sentence = `${url} answers with status 503`
    const told = async () => (await node.engine.describe()).trial?.reasons
    while ((await told())?.[0] !== sentence) await Bun.sleep(5)
    status = 200
    expect(await done).toBe(0)
    expect(lines.filter((line) => String(line).startsWith('the gate waits'))).toEqual([
      ['the gate waits', { seconds: expect.any(Number), waitsFor: sentence }],
    ])
    expect((await node.engine.describe()).trial?.reasons).toEqual([])
  })

  test('gate() decides although it cannot tell what it waits for', async () => {
    await fs.mkdir(path.join(node.root, 'run/kubenest/open-checks'), { recursive: true })
    let looks = 0
    const web = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Response('', { status: ++looks === 1 ? 503 : 200 }),
    })
    servers.push(web)
    await require(`http = ["http://127.0.0.1:${web.port}/"]`, 20)
    const errors: unknown[] = []
    const log = { ...node.deps.log, error: (...line: unknown[]) => void errors.push(line) }
    expect([await gate({ ...node.deps, log }, never), looks, errors]).toEqual([0, 2, []])
  })

  test('gate() looks as soon as the least uptime is over', async () => {
    await require('', 20)
    const file = path.join(node.root, 'etc/kubenest/health.toml')
    const text = await fs.readFile(file, 'utf8')
    const slow = text.replace(/^look_interval_seconds.*/m, 'look_interval_seconds = 3600')
    await fs.writeFile(file, slow.replace(/^least_uptime.*/m, 'least_uptime_seconds = 0.5'))
    expect(await gate(node.deps, never)).toBe(0)
  })

  test('gate() that is stopped leaves the trial undecided and asks to be started again', async () => {
    await require('units = ["x.service"]', 60)
    const stop = new AbortController()
    const deps = withSystemctl(() => {
      stop.abort()
      return { stdout: 'activating\n' }
    })
    expect(await gate(deps, stop.signal)).toBe(143)
    expect(node.rebootsAsked()).toBe(0)
  })
})

describe('deadline()', () => {
  const late = () => fs.writeFile(path.join(node.root, 'proc/uptime'), '5000.00 1.00\n')

  test('deadline() looks by itself and says what is not green', async () => {
    await require('mounts = ["/missing"]', 30)
    await trialStart(node.deps)
    await late()
    await deadline(node.deps)
    const reasons = 'The trial was not decided within 30 s; /missing is not mounted'
    expect(await afterFallback()).toEqual(['TrialUnhealthy', reasons])
  })

  test('deadline() reboots although a check hangs', async () => {
    await require('', 30)
    await trialStart(node.deps)
    await late()
    const folder = path.join(node.root, 'etc/kubenest/health.d/required')
    await fs.mkdir(folder, { recursive: true })
    await fs.writeFile(path.join(folder, 'hang'), '#!/bin/sh\nexec sleep 20\n', { mode: 0o755 })
    const waits: number[] = []
    const clock = {
      ...node.deps.clock,
      sleep: async (delayMs: number) => void waits.push(delayMs),
    }
    expect(await deadline({ ...node.deps, clock })).toBe(0)
    expect(waits).toContain(60_000)
    expect(await afterFallback()).toEqual([
      'TrialUnhealthy',
      'The trial was not decided within 30 s',
    ])
  })

  test('deadline() reboots although nothing can be noted', async () => {
    await trialStart(node.deps)
    await late()
    const file = path.join(node.root, 'persist/kubenest/journal.lock')
    const held = await tryLockFile(file)
    try {
      let nowMs = 0
      const clock = {
        ...node.deps.clock,
        monotonicMs: () => nowMs,
        sleep: async () => {
          nowMs += 5_000
        },
      }
      expect(await deadline({ ...node.deps, clock })).toBe(0)
    } finally {
      await held?.release()
    }
    expect(node.rebootsAsked()).toBe(1)
  })

  test('deadline() returns from a trial that cannot even mount persist', async () => {
    await late()
    await fs.rm(path.join(node.root, 'persist'), { recursive: true })
    await fs.writeFile(path.join(node.root, 'persist'), 'not a folder')
    await deadline(node.deps)
    expect(node.rebootsAsked()).toBe(1)
  })

  test('deadline() stays when nothing says that this boot is a trial', async () => {
    await late()
    await fs.rm(path.join(node.root, 'persist'), { recursive: true })
    const line = path.join(node.root, 'proc/cmdline')
    const words = (await fs.readFile(line, 'utf8')).replace('kubenest.trial=1', '')
    await fs.writeFile(line, words)
    await deadline(node.deps)
    expect(node.rebootsAsked()).toBe(0)
  })

  test('deadline() leaves a slot alone that the gate commits in the same moment', async () => {
    await require('')
    await trialStart(node.deps)
    await late()
    const journal = createJournal({
      ...node.deps,
      folder: path.join(node.root, 'persist/kubenest'),
    })
    const before = await journal.read()
    await fs.mkdir(path.join(node.root, 'run/systemd/system'), { recursive: true })
    let isCommitted = false
    const exec = {
      run: async () => {
        // The gate commits between the look of the deadline and its note.
        if (!isCommitted) {
          isCommitted = true
          await gate(
            withSystemctl(() => ({})),
            never,
          )
        }
        return { exitCode: 0, stdout: '', stderr: '' }
      },
    }
    await deadline({ ...node.deps, exec })
    expect(before?.phase).toBe('Armed')
    expect((await journal.read())?.phase).toBe('Committed')
    expect(node.rebootsAsked()).toBe(0)
  })
})
