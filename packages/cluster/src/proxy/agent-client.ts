// The agent's methods over its unix socket (contract 4.2): a connection per call, answers framed by
// value, with or without a newline. The additive methods may be missing: upstream's agent says so.
import { createJsonFramer } from '@kubenest/api/agent/json-framer'
import {
  AGENT_SOCKET_PATHS,
  type AgentStatus,
  type ConfigureParams,
  type OperationExtras,
  type PrepareUpgradeParams,
  type ReportParams,
} from '@kubenest/api/agent/rpc'
import { isOsError, OsError } from '@kubenest/base/errors'
import { exchangeOverUnixSocket } from '@kubenest/base/unix-socket'
import { parseAgentError } from './parse-agent-error.ts'

/** What the proxy asks of the agent. Rejects with the agent's OsError, or a transport's. */
export interface AgentClient {
  prepareUpgrade(params: PrepareUpgradeParams, signal?: AbortSignal): Promise<void>
  /** Extras only for an agent with `status`: upstream's refuses any parameter here (C12). */
  upgrade(extras: OperationExtras | undefined, signal?: AbortSignal): Promise<void>
  rollback(extras: OperationExtras | undefined, signal?: AbortSignal): Promise<void>
  configure(params: ConfigureParams, signal?: AbortSignal): Promise<void>
  /** `undefined` when the agent knows no `status`. */
  status(signal?: AbortSignal): Promise<AgentStatus | undefined>
  /** Stops a running preparation; nothing happens when the agent knows no `cancel`. */
  cancel(signal?: AbortSignal): Promise<void>
  /** Nothing happens when the agent knows no `report`. */
  report(params: ReportParams, signal?: AbortSignal): Promise<void>
}

export interface AgentClientOptions {
  /** Paths that are tried in this order. @defaultValue the two documented ones */
  readonly paths?: readonly string[]
}

/** The download has its own limits in the agent; this one only ends what hangs for ever. */
const PREPARE_TIMEOUT_MS = 24 * 3_600_000
const CHANGE_TIMEOUT_MS = 600_000
const ASK_TIMEOUT_MS = 10_000

/** Words the documented four answer with. */
const STATUS_WORDS: Readonly<Record<string, readonly string[]>> = {
  prepare_upgrade: ['UpgradeReady'],
  upgrade: ['Upgraded'],
  // Upstream's agent answers `Upgraded` in its verity mode (X17).
  rollback: ['Rollbacked', 'Upgraded'],
  configure: ['Configured'],
}

/** Makes a client. Nothing is opened before the first call. */
export function createAgentClient(options: AgentClientOptions = {}): AgentClient {
  const paths = options.paths ?? AGENT_SOCKET_PATHS
  let nextId = 1
  const call = (method: string, params: unknown[], timeoutMs: number, signal?: AbortSignal) => {
    const request = { method, params, id: nextId++, jsonrpc: '2.0' }
    return callFirst(paths, { request, timeoutMs, ...(signal === undefined ? {} : { signal }) })
  }
  const change = async (
    method: string,
    params: unknown[],
    timeoutMs: number,
    signal?: AbortSignal,
  ) => {
    const result = await call(method, params, timeoutMs, signal)
    const word = (result as { status?: unknown } | null)?.status
    if (!STATUS_WORDS[method]?.includes(String(word))) throw invalidResponse(method)
  }
  return {
    prepareUpgrade: (params, signal) =>
      change('prepare_upgrade', [params], PREPARE_TIMEOUT_MS, signal),
    upgrade: (extras, signal) => change('upgrade', positional(extras), CHANGE_TIMEOUT_MS, signal),
    rollback: (extras, signal) => change('rollback', positional(extras), CHANGE_TIMEOUT_MS, signal),
    configure: (params, signal) => change('configure', [params], CHANGE_TIMEOUT_MS, signal),
    async status(signal) {
      const result = await ignoreMissing(call('status', [], ASK_TIMEOUT_MS, signal))
      return result === undefined ? undefined : checkStatus(result)
    },
    async cancel(signal) {
      await ignoreMissing(call('cancel', [], ASK_TIMEOUT_MS, signal))
    },
    async report(params, signal) {
      await ignoreMissing(call('report', [params], ASK_TIMEOUT_MS, signal))
    },
  }
}

function positional(extras: OperationExtras | undefined): unknown[] {
  return extras === undefined ? [] : [extras]
}

interface Call {
  readonly request: object
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** The manifest mounts one path, the documented client opens the other (contract 1.9, trap 3). */
async function callFirst(paths: readonly string[], call: Call): Promise<unknown> {
  let failure: OsError | undefined
  for (const path of paths) {
    try {
      return await callOver(path, call)
    } catch (error) {
      if (!isOsError(error, 'socket-unreachable')) throw error
      failure ??= error
    }
  }
  throw new OsError('transient', {
    code: 'agent-unreachable',
    message: `Cannot connect to the agent socket: ${failure?.message ?? 'no path is set'}; look at os-agent.service on the node`,
    cause: failure,
  })
}

async function callOver(path: string, call: Call): Promise<unknown> {
  const framer = createJsonFramer()
  const answer = await exchangeOverUnixSocket({
    path,
    send: new TextEncoder().encode(JSON.stringify(call.request)),
    read: (bytes) => {
      for (const framed of framer.push(bytes)) {
        if (framed.kind === 'value') return framed
        throw unparsable(framed.fault)
      }
      return undefined
    },
    timeoutMs: call.timeoutMs,
    ...(call.signal === undefined ? {} : { signal: call.signal }),
  })
  return readAnswer(answer.value)
}

/** The id is not checked: upstream's client does not, and a connection carries one call. */
function readAnswer(value: unknown): unknown {
  const answer = value as { result?: unknown; error?: { code?: unknown; message?: unknown } | null }
  if (typeof answer.error === 'object' && answer.error !== null) throw parseAgentError(answer.error)
  if (answer.result === undefined) throw unparsable('it has neither result nor error')
  return answer.result
}

async function ignoreMissing(result: Promise<unknown>): Promise<unknown> {
  try {
    return await result
  } catch (error) {
    if (isOsError(error, 'method-not-found')) return undefined
    throw error
  }
}

/**
 * Of another program's answer only the shape is believed, so that a broken one cannot stop the
 * proxy.
 */
function checkStatus(result: unknown): AgentStatus {
  const status = result as Partial<AgentStatus> | null
  if (typeof status?.bootId !== 'string' || typeof status.agentVersion !== 'string') {
    throw invalidResponse('status')
  }
  return {
    ...status,
    bootId: status.bootId,
    agentVersion: status.agentVersion,
    osVersion: status.osVersion ?? '',
    capabilities: status.capabilities ?? [],
    slots: status.slots ?? [],
    degraded: status.degraded ?? [],
  }
}

function unparsable(why: string): OsError {
  return new OsError('host', {
    code: 'agent-answer-unreadable',
    message: `Cannot use the agent's answer: failed to parse it: ${why}`,
  })
}

function invalidResponse(method: string): OsError {
  return new OsError('host', {
    code: 'agent-answer-invalid',
    message: `Cannot use the agent's answer: invalid response to ${method}`,
  })
}
