// One call to the serving agent, for the commands of this program.
import { createJsonFramer } from '@kubenest/api/agent/json-framer'
import type { RpcResponse } from '@kubenest/api/agent/rpc'
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { dialUnixSocket } from '../../linux/unix-dial.ts'
import { parseFailure } from './rpc-errors.ts'

const ANSWER_LIMIT_MS = 30_000

/**
 * Calls a method; returns its result. Throws OsError when the agent refuses, is away, or is silent
 * for `limitMs` (30 s by default).
 */
export async function callAgent(
  socketPath: string,
  method: string,
  clock: Clock,
  limitMs = ANSWER_LIMIT_MS,
  params: readonly unknown[] = [],
): Promise<unknown> {
  const connection = await dialUnixSocket(socketPath)
  const state = { isLate: false }
  const cancel = clock.schedule(limitMs, () => {
    state.isLate = true
    connection.close()
  })
  try {
    await connection.write(JSON.stringify({ jsonrpc: '2.0', method, params, id: 1 }))
    const framer = createJsonFramer()
    for (;;) {
      const bytes = await connection.read()
      if (bytes === undefined) throw noAnswer(socketPath, state.isLate ? limitMs : undefined)
      for (const framed of framer.push(bytes))
        if (framed.kind === 'value') return resultOf(framed.value as RpcResponse)
    }
  } finally {
    cancel()
    connection.close()
  }
}

function resultOf(response: RpcResponse): unknown {
  if ('error' in response) throw parseFailure(response.error.message)
  return response.result
}

function noAnswer(socketPath: string, limitMs: number | undefined): OsError {
  const reason =
    limitMs === undefined
      ? 'it closed the connection'
      : `none came within ${limitMs / 1000} s; what was asked for may go on, see os-agent status`
  return new OsError('transient', {
    code: limitMs === undefined ? 'agent-not-reachable' : 'agent-silent',
    message: `Cannot read the answer of the agent at ${socketPath}: ${reason}; look at journalctl -u os-agent`,
  })
}
