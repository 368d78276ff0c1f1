// One framed JSON value → calls, by the rules of contract 4.2. Pure: it knows no methods.
import { RPC_ERRORS, type RpcId, type RpcResponse } from '@kubenest/api/agent/rpc'
import { errorResponse } from './rpc-errors.ts'

/** Requests of one batch; a peer never sends more than one. */
export const BATCH_LENGTH_MAX = 16

/** One request: something to run, something to refuse, or a notification (which runs nothing). */
export type ParsedRequest =
  | { readonly kind: 'call'; readonly id: RpcId; readonly method: string; readonly params: unknown }
  | { readonly kind: 'refused'; readonly response: RpcResponse }
  | { readonly kind: 'notification' }

/** A whole message: the shape of its answer follows its own (one line, or an array on one line). */
export interface ParsedMessage {
  readonly isBatch: boolean
  readonly requests: readonly ParsedRequest[]
}

const MEMBERS = new Set(['jsonrpc', 'method', 'params', 'id'])

/** Parses a message: a request or a batch of requests. */
export function parseMessage(value: unknown): ParsedMessage {
  if (!Array.isArray(value)) return { isBatch: false, requests: [parseRequest(value)] }
  if (value.length === 0 || value.length > BATCH_LENGTH_MAX)
    return { isBatch: false, requests: [invalidRequest(null)] }
  return { isBatch: true, requests: value.map(parseRequest) }
}

function parseRequest(value: unknown): ParsedRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return invalidRequest(null)
  const request = new Map(Object.entries(value))
  const id = request.get('id')
  const answerId = isId(id) ? id : null
  if (id !== undefined && !isId(id)) return invalidRequest(null)
  if ([...request.keys()].some((member) => !MEMBERS.has(member))) return invalidRequest(answerId)
  const { method, params } = { method: request.get('method'), params: request.get('params') }
  if (typeof method !== 'string' || !isParams(params)) return invalidRequest(answerId)
  if (request.get('jsonrpc') !== '2.0') return unsupportedVersion(answerId)
  if (!request.has('id')) return { kind: 'notification' }
  return { kind: 'call', id: answerId, method, params: params ?? undefined }
}

function isId(value: unknown): value is RpcId {
  return value === null || typeof value === 'string' || typeof value === 'number'
}

function isParams(value: unknown): boolean {
  return value === undefined || typeof value === 'object'
}

function invalidRequest(id: RpcId): ParsedRequest {
  const response = errorResponse(id, RPC_ERRORS.invalidRequest, 'Invalid request')
  return { kind: 'refused', response }
}

function unsupportedVersion(id: RpcId): ParsedRequest {
  const text = 'Unsupported JSON-RPC protocol version: member "jsonrpc" must be "2.0"'
  return { kind: 'refused', response: errorResponse(id, RPC_ERRORS.invalidRequest, text) }
}
