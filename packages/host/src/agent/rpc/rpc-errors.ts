// How failures look on the wire: documented codes, no `data`, and for failures of a method a
// message that begins with `[kind/code] ` (decision 13).
import { RPC_ERRORS, type RpcId, type RpcResponse } from '@kubenest/api/agent/rpc'
import { OsError } from '@kubenest/base/errors'

const MESSAGE_LENGTH_MAX = 16_384
const INVALID_PARAMS = 'invalid-params'
/** A defect of the agent is none of its caller's: there it is a failure of the host. */
const KINDS = ['invalid', 'blocked', 'transient', 'integrity', 'host'] as const

/** An error answer. */
export function errorResponse(id: RpcId, code: number, message: string): RpcResponse {
  return { jsonrpc: '2.0', error: { code, message: message.slice(0, MESSAGE_LENGTH_MAX) }, id }
}

/** Thrown by parameter checks; becomes code −32602. `what` names the member and what it must be. */
export function invalidParams(what: string): OsError {
  return new OsError('invalid', { code: INVALID_PARAMS, message: `Invalid params: ${what}` })
}

/** What a method threw, as an answer. */
export function failureResponse(id: RpcId, failure: OsError): RpcResponse {
  if (failure.code === INVALID_PARAMS)
    return errorResponse(id, RPC_ERRORS.invalidParams, failure.message)
  return errorResponse(id, RPC_ERRORS.method, renderFailure(failure))
}

/** `[kind/code] message`, as on the wire and in `status.lastError`. */
export function renderFailure(error: OsError): string {
  return `[${error.kind}/${error.code}] ${error.message}`
}

/** The failure behind a message from the wire, with its kind, so that exit codes are the same. */
export function parseFailure(message: string): OsError {
  const found = /^\[(\w+)\/([\w-]+)\] ([\s\S]*)$/.exec(message)
  const kind = KINDS.find((each) => each === found?.[1])
  if (kind !== undefined)
    return new OsError(kind, { code: found?.[2] ?? '', message: found?.[3] ?? '' })
  return new OsError('host', { code: 'agent-refused', message })
}
