// The socket under abuse (F-06, S-06, S-07, threat T8): a real process, whose peak of memory the
// kernel tells. Whatever was sent, the next client is served.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { until } from '../agent/fake-clock.ts'
import { ask, call, connectRaw } from '../agent/raw-client.ts'
import { abuseInputs, type AbuseInput } from './abuse-inputs.ts'

// Machines under load are slow; a hang still ends.
setDefaultTimeout(180_000)

const MEMORY_MAX_KIB = 128 * 1024
const MIB = 1024 * 1024
const SEED = Number(process.env['KUBENEST_SEED'] ?? 20_261_121)
const INPUTS = Number(process.env['KUBENEST_INPUTS'] ?? 10_000)
const CONNECTIONS = 10_000

let folder: string
let socketPath: string
let agent: Bun.Subprocess<'ignore', 'pipe', 'inherit'>
let logBytes = 0

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'socket-abuse-'))
  chmodSync(folder, 0o755)
  mkdirSync(path.join(folder, 'root'))
  socketPath = path.join(folder, 'run', 's')
  const argv = [
    path.join(import.meta.dir, 'abused-agent.ts'),
    socketPath,
    path.join(folder, 'root'),
  ]
  agent = Bun.spawn([process.execPath, ...argv], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  void countLog(agent.stdout)
  await until(async () => (await statusAnswer().catch(() => undefined)) !== undefined)
})
afterAll(async () => {
  agent.kill('SIGTERM')
  await agent.exited
  rmSync(folder, { recursive: true })
})

async function countLog(stdout: ReadableStream<Uint8Array>): Promise<void> {
  for await (const bytes of stdout) logBytes += bytes.length
}

function statusAnswer(): Promise<unknown> {
  return ask(socketPath, call('status', 'alive'))
}

function peakKib(): number {
  const text = readFileSync(`/proc/${agent.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1])
}

/** Kept within bounds and still serving; the limit of a client ends what it left half-open. */
async function expectWell(): Promise<void> {
  await until(async () => {
    const answer = (await statusAnswer().catch(() => undefined)) as { id?: unknown } | undefined
    return answer?.id === 'alive'
  })
  expect(agent.exitCode).toBeNull()
  expect(peakKib()).toBeLessThan(MEMORY_MAX_KIB)
}

/** Writes, ends its side, and waits until the agent has closed or answered all. */
function sendAll(pieces: AbuseInput | readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ path: socketPath })
    socket.on('error', () => resolve())
    socket.on('close', () => resolve())
    socket.resume()
    socket.once('connect', () => {
      for (const piece of pieces) socket.write(piece)
      socket.end()
    })
  })
}

async function inParallel(width: number, count: number, task: (index: number) => Promise<unknown>) {
  let next = 0
  const work = async () => {
    while (next < count) await task(next++)
  }
  await Promise.all(Array.from({ length: width }, work))
}

describe('the agent under abuse', () => {
  test(`${INPUTS} broken inputs of seed ${SEED} cost neither life nor memory (F-06)`, async () => {
    const inputs = abuseInputs(SEED, INPUTS)
    await inParallel(12, inputs.length, (index) => sendAll(inputs[index] ?? []))
    await expectWell()
  })

  test('messages of 2 MiB, and the widest ones below 1 MiB, from all sides at once', async () => {
    const garbage = [
      `["${'x'.repeat(2 * MIB)}"]`,
      `[${'{},'.repeat(340_000)}{}]`,
      `[${'1,'.repeat(500_000)}1]`,
      `{${Array.from({ length: 80_000 }, (_, each) => `"k${each}":1`).join(',')}}`,
    ]
    await inParallel(16, 48, (index) => sendAll([garbage[index % garbage.length] ?? '']))
    await expectWell()
  })

  test('slow clients that hold a megabyte each are closed, and others are served meanwhile', async () => {
    const clients = await Promise.all(Array.from({ length: 16 }, () => connectRaw(socketPath)))
    for (const client of clients) await client.write(`["${'x'.repeat(MIB - 100)}`)
    await expectWell()
    // The agent closes them within 10 s, though none of them ever stops to drip.
    const ends = clients.map((client) => client.line())
    const drip = setInterval(() => clients.forEach((each) => void each.write('x')), 100)
    expect(await Promise.all(ends)).toEqual(clients.map(() => undefined))
    clearInterval(drip)
    for (const client of clients) client.close()
    await expectWell()
  })

  test('a client that never takes its answers is not what fills memory', async () => {
    const clients = await Promise.all(Array.from({ length: 16 }, () => connectRaw(socketPath)))
    for (const { socket } of clients) socket.pause()
    const requests = call('status').repeat(10_000)
    for (const client of clients) void client.write(requests)
    await expectWell()
    for (const client of clients) client.close()
    await expectWell()
  })

  test(`${CONNECTIONS} connections at once leave no descriptor behind (S-07)`, async () => {
    const descriptors = () => readdirSync(`/proc/${agent.pid}/fd`).length
    const before = descriptors()
    const open = new Set<Socket>()
    await inParallel(200, CONNECTIONS, async () => {
      const socket = connect({ path: socketPath })
      open.add(socket)
      socket.on('error', () => open.delete(socket))
      socket.on('close', () => open.delete(socket))
      await new Promise<void>((resolve) => {
        socket.once('connect', () => resolve())
        socket.once('close', () => resolve())
      })
      socket.write('{')
    })
    await expectWell()
    for (const socket of open) socket.destroy()
    await until(() => descriptors() <= before + 4)
  })

  const setpriv = process.getuid?.() === 0 ? Bun.which('setpriv') : null
  const title = setpriv === null ? 'SKIPPED, needs root and setpriv: ' : ''
  test.skipIf(setpriv === null)(
    `${title}refuses another user, whatever the modes say (S-06)`,
    async () => {
      chmodSync(path.dirname(socketPath), 0o755)
      chmodSync(socketPath, 0o666)
      const script = `
      const socket = require('node:net').connect(${JSON.stringify(socketPath)})
      socket.on('connect', () => socket.write(${JSON.stringify(call('status'))}))
      socket.on('data', () => process.exit(1))
      socket.on('error', () => process.exit(9))
      socket.on('close', () => process.exit(7))`
      const asNobody = [setpriv ?? '', '--reuid=65534', '--regid=65534', '--clear-groups', '--']
      const client = Bun.spawn([...asNobody, process.execPath, '-e', script], {
        stdio: ['ignore', 'ignore', 'ignore'],
      })
      expect([7, 9]).toContain(await client.exited)
      await expectWell()
    },
  )

  test('all of it left a log of a few lines', () => {
    expect(logBytes).toBeLessThan(64 * 1024)
  })
})
