// The agent's error answers as OsErrors: ours carry `[kind/code]`, upstream's are plain text and
// stay as they are (decision 13, C11).
import { RPC_ERRORS } from '@kubenest/api/agent/rpc'
import { OsError, type ErrorKind } from '@kubenest/base/errors'

const MARK = /^\[(invalid|blocked|transient|integrity|host|bug)\/([a-z0-9][a-z0-9-]*)\] ?/
const MESSAGE_LENGTH_MAX = 4096

/** Never throws, whatever the members hold. */
export function parseAgentError(error: { code?: unknown; message?: unknown }): OsError {
  const text = typeof error.message === 'string' ? error.message : 'no message'
  const message = text.slice(0, MESSAGE_LENGTH_MAX)
  if (error.code === RPC_ERRORS.methodNotFound || message === 'Method not found') {
    return new OsError('host', { code: 'method-not-found', message: 'not implemented' })
  }
  if (error.code === RPC_ERRORS.invalidParams || error.code === RPC_ERRORS.invalidRequest) {
    return new OsError('invalid', { code: 'agent-refused-params', message })
  }
  const mark = MARK.exec(message)
  if (mark === null) return new OsError('host', { code: 'agent-error', message })
  return new OsError(treatmentOf(mark[1]), {
    code: mark[2] ?? 'agent-error',
    message: message.slice(mark[0].length),
  })
}

/** A bug of the agent's is not one of ours: it must not end this process. */
function treatmentOf(kind: string | undefined): ErrorKind {
  return kind === undefined || kind === 'bug' ? 'host' : (kind as ErrorKind)
}
