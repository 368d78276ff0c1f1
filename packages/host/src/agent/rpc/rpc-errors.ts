// How failures look on the wire: documented codes, no `data`, and for failures of a method a
// message that begins with `[kind/code] ` (decision 13).
import { RPC_ERRORS, type RpcId, type RpcResponse } from '@kubenest/api/agent/rpc'
import { OsError } from '@kubenest/base/errors'

const MESSAGE_LENGTH_MAX = 16_384
const INVALID_PARAMS = 'invalid-params'

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
