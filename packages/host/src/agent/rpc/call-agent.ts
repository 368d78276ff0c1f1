// One call to the serving agent, for the commands of this program.
import { createJsonFramer } from '@kubenest/api/agent/json-framer'
import type { RpcResponse } from '@kubenest/api/agent/rpc'
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { dialUnixSocket } from '../../linux/unix-dial.ts'

const ANSWER_LIMIT_MS = 30_000

/**
 * Calls a method without parameters; returns its result. Throws OsError when the agent refuses or
 * is silent for `limitMs` (30 s by default).
 */
export async function callAgent(
  socketPath: string,
  method: string,
  clock: Clock,
  limitMs = ANSWER_LIMIT_MS,
): Promise<unknown> {
  const connection = await dialUnixSocket(socketPath)
  const cancel = clock.schedule(limitMs, () => connection.close())
  try {
    await connection.write(JSON.stringify({ jsonrpc: '2.0', method, params: [], id: 1 }))
    const framer = createJsonFramer()
    for (;;) {
      const bytes = await connection.read()
      if (bytes === undefined) throw noAnswer(socketPath)
      for (const framed of framer.push(bytes))
        if (framed.kind === 'value') return resultOf(framed.value as RpcResponse)
    }
  } finally {
    cancel()
    connection.close()
  }
}

function resultOf(response: RpcResponse): unknown {
  if ('error' in response)
    throw new OsError('host', { code: 'agent-refused', message: response.error.message })
  return response.result
}

function noAnswer(socketPath: string): OsError {
  return new OsError('transient', {
    code: 'agent-not-reachable',
    message: `Cannot read the answer of the agent at ${socketPath}: it closed the connection`,
  })
}
