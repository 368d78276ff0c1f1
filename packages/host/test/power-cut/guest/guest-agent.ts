// The shipped agent inside the guest: start, call, kill, and the marks between phases.
import * as fs from 'node:fs/promises'
import { constants } from 'node:fs'
import { createJsonFramer } from '@kubenest/api/agent/json-framer'
import type { AgentStatus, RpcResponse } from '@kubenest/api/agent/rpc'
import { alignedBuffer } from '../../../src/linux/aligned-buffer.ts'
import { dialUnixSocket } from '../../../src/linux/unix-dial.ts'
import { MARK_BYTES_MAX, MARK_SECTOR, MARK_WORD } from './block-log.ts'
import { SECTOR_BYTES } from './node-disk.ts'
import { PHASE_WORD, VERSION_WORD } from './run-guest.ts'

const SOCKET = '/run/os-agent/os-agent.sock'
const REBOOT_ASKED = '/run/reboot-asked'
const AGENT_ENV = { RUST_LOG: 'info', PATH: '/usr/bin' } as const
const LIMIT_MS = 240_000
const LOOK_INTERVAL_MS = 250

export interface GuestAgent {
  kill(): Promise<void>
}

/** Starts the serving agent and waits until it answers. */
export async function startAgent(): Promise<GuestAgent> {
  const child = Bun.spawn(['/usr/bin/os-agent'], {
    env: AGENT_ENV,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await until('the agent', async () => (await status()) !== undefined)
  return {
    async kill() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

/** Runs a command of the agent; throws for an exit code that is not the wanted one. */
export async function runAgent(command: string, wanted = 0): Promise<void> {
  const child = Bun.spawn(['/usr/bin/os-agent', command], {
    env: AGENT_ENV,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const code = await child.exited
  if (code !== wanted) throw new Error(`os-agent ${command} ended with ${code}, not ${wanted}`)
}

/** Calls a method; resolves with its answer, of either kind. */
export async function call(method: string, params: readonly unknown[] = []): Promise<RpcResponse> {
  const connection = await dialUnixSocket(SOCKET)
  try {
    await connection.write(JSON.stringify({ jsonrpc: '2.0', method, params, id: 1 }))
    const framer = createJsonFramer()
    for (;;) {
      const bytes = await connection.read()
      if (bytes === undefined) throw new Error(`The agent gave no answer to ${method}`)
      for (const framed of framer.push(bytes))
        if (framed.kind === 'value') return framed.value as RpcResponse
    }
  } finally {
    connection.close()
  }
}

/** Calls a method that must succeed. */
export async function callOk(method: string, params: readonly unknown[] = []): Promise<void> {
  const answer = await call(method, params)
  if ('error' in answer) throw new Error(`${method}: ${answer.error.message}`)
}

/** Calls a method that must be refused or must fail. */
export async function callFails(method: string, params: readonly unknown[] = []): Promise<void> {
  const answer = await call(method, params)
  if ('result' in answer) throw new Error(`${method} succeeded`)
}

/** What the agent says of itself; `undefined` while it does not answer. */
export async function status(): Promise<AgentStatus | undefined> {
  try {
    const answer = await call('status')
    return 'result' in answer ? (answer.result as AgentStatus) : undefined
  } catch {
    // Not there yet: the caller asks again.
    return undefined
  }
}

/** Waits for the reboot that the agent was to ask for. */
export async function rebootAsked(): Promise<void> {
  await until('the reboot', () => Bun.file(REBOOT_ASKED).exists())
}

/** Tells the host what a file holds now: a version that a cut may leave. */
export async function tellVersion(file: string): Promise<void> {
  const content = await fs.readFile(file)
  const digest = new Bun.CryptoHasher('sha256').update(content).digest('hex')
  console.log(`${VERSION_WORD} ${file} ${digest}`)
}

/** Looks until it is so; seldom, because each look takes time from what it waits for. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + LIMIT_MS
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`Waited too long for ${what}`)
    await Bun.sleep(LOOK_INTERVAL_MS)
  }
}

/**
 * Marks a phase in the record. Everything before it is flushed; the mark itself is a write past
 * every cache and no flush.
 */
export async function beginPhase(name: string): Promise<void> {
  Bun.spawnSync(['/usr/bin/sync'])
  await writeMark(name)
  console.log(`${PHASE_WORD} ${name}`)
}

/** Reads what the host puts in the place of the marks. */
export async function readOrder(): Promise<string> {
  const device = await fs.open('/dev/vda', constants.O_RDONLY | constants.O_DIRECT)
  try {
    const bytes = alignedBuffer(MARK_BYTES_MAX)
    await device.read(bytes, 0, bytes.length, MARK_SECTOR * SECTOR_BYTES)
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)))
  } finally {
    await device.close()
  }
}

/** Tells something to whoever sees the requests of the disk; longer texts lose their end. */
export async function writeMark(text: string): Promise<void> {
  const device = await fs.open('/dev/vda', constants.O_WRONLY | constants.O_DIRECT)
  try {
    const bytes = new TextEncoder().encode(`${MARK_WORD}${text}`).subarray(0, MARK_BYTES_MAX - 1)
    const length = Math.ceil((bytes.length + 1) / SECTOR_BYTES) * SECTOR_BYTES
    const sectors = alignedBuffer(MARK_BYTES_MAX).subarray(0, length).fill(0)
    sectors.set(bytes)
    await device.write(sectors, 0, length, MARK_SECTOR * SECTOR_BYTES)
  } finally {
    await device.close()
  }
}
