// One client of the socket: reads values, answers each before it reads the next. Bounded in memory
// (one message) and in time (a value must be complete, an answer be taken, within a limit). A
// client that goes away cancels nothing (decision 12).
import { createJsonFramer, type FramedValue } from '@kubenest/api/agent/json-framer'
import type { Clock } from '@kubenest/base/clock'
import { toOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { PeerConnection } from '../../linux/unix-listener.ts'
import { answerMessage, parseErrorLine, type MethodTable } from './answer-message.ts'
import type { Caller } from './caller.ts'
import type { ThrottledLog } from './throttle-log.ts'

/** Time for a complete value since the connection or the last answer, and for taking an answer. */
export const CLIENT_LIMIT_MS = 10_000

/** What serving a connection needs. */
export interface ConnectionDeps {
  readonly methods: MethodTable
  /** Looks the client up; asked only when it has made a request. */
  readonly caller: () => Caller
  readonly clock: Clock
  readonly log: Logger
  readonly complain: ThrottledLog
  /** Told when a request begins (true) and when its answer is there (false). */
  readonly onBusy: (busy: boolean) => void
}

/** Serves a connection to its end. Throws only a broken assumption of a method, after answering. */
export async function serveConnection(
  connection: PeerConnection,
  deps: ConnectionDeps,
): Promise<void> {
  const framer = createJsonFramer()
  try {
    let deadlineMs = deps.clock.monotonicMs() + CLIENT_LIMIT_MS
    for (;;) {
      const bytes = await readBefore(connection, deps.clock, deadlineMs)
      if (bytes === undefined) return
      for (const framed of framer.push(bytes)) {
        await answerFramed(connection, deps, framed)
        if (connection.isClosed()) return
        deadlineMs = deps.clock.monotonicMs() + CLIENT_LIMIT_MS
      }
    }
  } finally {
    connection.close()
  }
}

async function readBefore(connection: PeerConnection, clock: Clock, deadlineMs: number) {
  // Closing makes the pending read end, so that one place decides what an end means.
  const leftMs = Math.max(0, deadlineMs - clock.monotonicMs())
  const cancel = clock.schedule(leftMs, () => connection.close())
  try {
    return await connection.read()
  } finally {
    cancel()
  }
}

async function answerFramed(
  connection: PeerConnection,
  deps: ConnectionDeps,
  framed: FramedValue,
): Promise<void> {
  if (framed.kind === 'fault') {
    deps.complain('info', 'bytes on the socket are not a request', { fault: framed.fault })
    await writeWithin(connection, deps.clock, parseErrorLine())
    if (framed.broken) await discardRest(connection, deps.clock)
    return
  }
  deps.onBusy(true)
  const answer = await answerMessage(framed.value, deps.methods, deps.caller())
  // One that does not take its answers is no better than a silent one.
  deps.onBusy(false)
  if (answer.line !== undefined) await writeWithin(connection, deps.clock, answer.line)
  for (const task of answer.afterFlush) await runAfterFlush(task, deps.log)
  // Nobody catches this: the program ends and its supervisor starts it anew.
  if (answer.bug !== undefined) throw answer.bug
}

/**
 * Closing at once would reset the connection, and a client in the midst of writing would lose the
 * answer.
 */
async function discardRest(connection: PeerConnection, clock: Clock): Promise<void> {
  connection.finish()
  const cancel = clock.schedule(CLIENT_LIMIT_MS, () => connection.close())
  let bytes: Uint8Array | undefined
  do bytes = await connection.read()
  while (bytes !== undefined)
  cancel()
}

async function writeWithin(connection: PeerConnection, clock: Clock, line: string): Promise<void> {
  const cancel = clock.schedule(CLIENT_LIMIT_MS, () => connection.close())
  await connection.write(line)
  cancel()
}

async function runAfterFlush(task: () => Promise<void>, log: Logger): Promise<void> {
  try {
    await task()
  } catch (error) {
    const failure = toOsError(error)
    log.error('the step after an answer failed', { code: failure.code, reason: failure.message })
  }
}
