// A parsed message → its answer. Methods of one message run one after the other; what must happen
// only after the answer has left (a reboot) comes back beside it.
import { RPC_ERRORS, type RpcResponse } from '@kubenest/api/agent/rpc'
import { toOsError, type OsError } from '@kubenest/base/errors'
import type { Caller } from './caller.ts'
import { parseMessage, type ParsedRequest } from './parse-request.ts'
import { errorResponse, failureResponse } from './rpc-errors.ts'

/** What a method gives: its result, and what to do once the answer was flushed. */
export interface MethodAnswer {
  readonly result: unknown
  readonly afterFlush?: () => Promise<void>
}

/** Methods by name. Each checks its own parameters and throws OsError. */
export type MethodTable = ReadonlyMap<
  string,
  (params: unknown, caller: Caller) => Promise<MethodAnswer>
>

/** An answer ready for the wire; without a line when only notifications came. */
export interface MessageAnswer {
  readonly line?: string
  readonly afterFlush: readonly (() => Promise<void>)[]
  /**
   * A broken assumption: the program's state is in doubt, and it must end once the answer is out.
   */
  readonly bug?: OsError
}

/** Answers one message. Never throws. */
export async function answerMessage(
  value: unknown,
  methods: MethodTable,
  caller: Caller,
): Promise<MessageAnswer> {
  const message = parseMessage(value)
  const responses: RpcResponse[] = []
  const afterFlush: (() => Promise<void>)[] = []
  let bug: OsError | undefined
  for (const request of message.requests) {
    const answer = await answerRequest(request, methods, caller)
    if (answer === undefined) continue
    responses.push(answer.response)
    if (answer.afterFlush !== undefined) afterFlush.push(answer.afterFlush)
    bug ??= answer.bug
  }
  if (responses.length === 0) return { afterFlush }
  const line = renderLine(message.isBatch ? responses : responses[0])
  return bug === undefined ? { line, afterFlush } : { line, afterFlush, bug }
}

/** The line for bytes that are not a message. */
export function parseErrorLine(): string {
  return renderLine(errorResponse(null, RPC_ERRORS.parse, 'Parse error'))
}

interface Answered {
  readonly response: RpcResponse
  readonly afterFlush?: () => Promise<void>
  readonly bug?: OsError
}

async function answerRequest(
  request: ParsedRequest,
  methods: MethodTable,
  caller: Caller,
): Promise<Answered | undefined> {
  if (request.kind === 'notification') return undefined
  if (request.kind === 'refused') return { response: request.response }
  const { id } = request
  const method = methods.get(request.method)
  if (method === undefined)
    return { response: errorResponse(id, RPC_ERRORS.methodNotFound, 'Method not found') }
  try {
    const { result, afterFlush } = await method(request.params, caller)
    const response: RpcResponse = { jsonrpc: '2.0', result, id }
    return afterFlush === undefined ? { response } : { response, afterFlush }
  } catch (error) {
    const failure = toOsError(error)
    const response = failureResponse(id, failure)
    return failure.kind === 'bug' ? { response, bug: failure } : { response }
  }
}

function renderLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}
