// One HTTP exchange with the API server: credentials, TLS, a deadline, a bounded body. Knows
// nothing of kinds. TLS verification is never switched off; without a CA the system's authorities
// count.
import type { Clock } from '@kubenest/base/clock'
import { OsError, isOsError } from '@kubenest/base/errors'
import { renderVersion } from '@kubenest/base/version'
import type { KubeConfig } from './kube-config.ts'
import { connectionError, parseRetryAfter, parseStatus, statusError } from './response-error.ts'
import { type PageCollector, createPageCollector } from './page-collector.ts'
import { type TokenSource, createTokenSource } from './token-source.ts'

const BODY_BYTES_MAX = 64 * 1024 * 1024
const ERROR_BODY_BYTES_MAX = 64 * 1024

/** One request. */
export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path and query. */
  readonly path: string
  /** Completes `Cannot …` in messages. */
  readonly action: string
  readonly body?: unknown
  readonly contentType?: string
  readonly signal?: AbortSignal | undefined
}

/** A whole answer. */
export interface KubeAnswer {
  readonly status: number
  readonly text: string
  readonly retryAfterMs?: number
}

/** Sends requests; see {@link createTransport}. */
export interface Transport {
  /** The whole answer, whatever its status. */
  exchange(request: KubeRequest): Promise<KubeAnswer>
  /** The body of a 2xx answer as it comes; ends within `lifeMs`. */
  stream(request: KubeRequest, lifeMs: number): AsyncGenerator<Uint8Array>
}

interface Connection {
  readonly config: KubeConfig
  readonly clock: Clock
  readonly timeoutMs: number
  readonly until: AbortSignal | undefined
  readonly tokens: TokenSource
  readonly tls: BunFetchRequestInitTLS | undefined
  readonly collector: PageCollector
}

/**
 * Makes a {@link Transport}.
 *
 * @throws {OsError} kind `invalid`, code `config-kubeconfig`, when certificate and key do not
 * belong together.
 */
export function createTransport(
  config: KubeConfig,
  clock: Clock,
  timeoutMs: number,
  until?: AbortSignal,
): Transport {
  checkKeyPair(config)
  const tokens = createTokenSource(config, clock)
  const connection: Connection = {
    config,
    clock,
    timeoutMs,
    until,
    tokens,
    tls: tlsOptions(config),
    collector: createPageCollector(clock),
  }
  return {
    exchange: (request) => exchange(connection, request),
    stream: (request, lifeMs) => stream(connection, request, lifeMs),
  }
}

async function exchange(connection: Connection, request: KubeRequest): Promise<KubeAnswer> {
  return await within(connection, request, connection.timeoutMs, async (signal) => {
    connection.collector.beforeRequest()
    const response = await send(connection, request, signal)
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'))
    const text = await readBody(response, request, BODY_BYTES_MAX)
    connection.collector.onBytes(text.length)
    return {
      status: response.status,
      text,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    }
  })
}

async function* stream(
  connection: Connection,
  request: KubeRequest,
  lifeMs: number,
): AsyncGenerator<Uint8Array> {
  const ending = new AbortController()
  const cancelLife = connection.clock.schedule(lifeMs, () =>
    ending.abort(timeoutError(request, lifeMs)),
  )
  const signal = join(request.signal, ending.signal)
  try {
    const response = await within(connection, { ...request, signal }, connection.timeoutMs, (s) =>
      openStream(connection, request, s, signal),
    )
    if (response.body === null) return
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      connection.collector.onBytes(chunk.length)
      yield chunk
    }
  } catch (error) {
    throw explain(connection, request, error, signal)
  } finally {
    cancelLife()
  }
}

/**
 * The response lives under the stream's own signal; only the wait for its head is under the
 * deadline.
 */
async function openStream(
  connection: Connection,
  request: KubeRequest,
  head: AbortSignal,
  life: AbortSignal,
): Promise<Response> {
  const breaking = new AbortController()
  const onHead = () => breaking.abort(head.reason)
  head.addEventListener('abort', onHead, { once: true })
  try {
    const response = await send(connection, request, join(life, breaking.signal))
    if (response.ok) return response
    const text = await readBody(response, request, ERROR_BODY_BYTES_MAX)
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'))
    throw statusError(request.action, response.status, parseStatus(text), retryAfterMs)
  } finally {
    head.removeEventListener('abort', onHead)
  }
}

/** Sends once, and once more with a fresh token when the server refused a rotated one. */
async function send(
  connection: Connection,
  request: KubeRequest,
  signal: AbortSignal,
): Promise<Response> {
  const response = await sendOnce(connection, request, signal)
  if (response.status !== 401 || !connection.tokens.refuse()) return response
  await response.body?.cancel()
  return await sendOnce(connection, request, signal)
}

async function sendOnce(
  { config, tokens, tls }: Connection,
  request: KubeRequest,
  signal: AbortSignal,
): Promise<Response> {
  const token = await tokens.current()
  const headers: Record<string, string> = {
    Accept: 'application/json',
    // Compressing costs the API server more than the bytes cost a cluster's network, and us memory.
    'Accept-Encoding': 'identity',
    'User-Agent': renderVersion('kubenest').replace(/[^\x20-\x7e]/g, ''),
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(request.body === undefined
      ? {}
      : { 'Content-Type': request.contentType ?? 'application/json' }),
  }
  return await fetch(config.server + request.path, {
    method: request.method,
    headers,
    signal,
    redirect: 'manual',
    timeout: false,
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    ...(tls === undefined ? {} : { tls }),
  } as RequestInit)
}

/** Runs `work` under the request's signal and a deadline; failures become OsErrors. */
async function within<R>(
  connection: Connection,
  request: KubeRequest,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  const deadline = new AbortController()
  const cancel = connection.clock.schedule(timeoutMs, () =>
    deadline.abort(timeoutError(request, timeoutMs)),
  )
  const signal = join(connection.until, join(request.signal, deadline.signal))
  try {
    return await work(signal)
  } catch (error) {
    throw explain(connection, request, error, signal)
  } finally {
    cancel()
  }
}

function explain(
  { config }: Connection,
  request: KubeRequest,
  error: unknown,
  signal: AbortSignal,
): Error {
  if (signal.aborted) return signal.reason as Error
  if (isOsError(error)) return error
  return connectionError(request.action, config.server, error)
}

function join(first: AbortSignal | undefined, second: AbortSignal): AbortSignal {
  return first === undefined ? second : AbortSignal.any([first, second])
}

async function readBody(
  response: Response,
  request: KubeRequest,
  bytesMax: number,
): Promise<string> {
  if (response.body === null) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > bytesMax) throw tooLarge(request, bytesMax)
    chunks.push(chunk)
  }
  const only = chunks[0]
  return new TextDecoder().decode(
    chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks),
  )
}

function tlsOptions(config: KubeConfig): BunFetchRequestInitTLS | undefined {
  if (!config.server.startsWith('https:')) return undefined
  return {
    rejectUnauthorized: true,
    ...(config.ca === undefined ? {} : { ca: config.ca }),
    ...(config.clientCertificate === undefined ? {} : { cert: config.clientCertificate }),
    ...(config.clientKey === undefined ? {} : { key: config.clientKey }),
    ...(config.tlsServerName === undefined ? {} : { serverName: config.tlsServerName }),
  }
}

/**
 * fetch would only say "FailedToOpenSocket" for a pair that does not match (runtime notes 4.14).
 */
function checkKeyPair({ clientCertificate, clientKey }: KubeConfig): void {
  if (clientCertificate === undefined || clientKey === undefined) return
  // Only with a client certificate, so never in a pod: loading it costs 1.7 MB that a proxy never
  // gets back.
  const { X509Certificate, createPrivateKey } = process.getBuiltinModule('node:crypto')
  let reason = 'they do not belong together'
  try {
    const certificate = new X509Certificate(clientCertificate)
    if (certificate.checkPrivateKey(createPrivateKey(clientKey))) return
  } catch (cause) {
    reason = `one is not valid PEM (${cause instanceof Error ? cause.message : String(cause)})`
  }
  throw new OsError('invalid', {
    code: 'config-kubeconfig',
    message: `Cannot use client-certificate and client-key: ${reason}; issue a new pair`,
  })
}

function tooLarge(request: KubeRequest, bytesMax: number): OsError {
  return new OsError('invalid', {
    code: 'kube-invalid',
    message: `Cannot ${request.action}: the answer is larger than ${bytesMax} bytes`,
  })
}

function timeoutError(request: KubeRequest, timeoutMs: number): OsError {
  return new OsError('transient', {
    code: 'kube-unavailable',
    message: `Cannot ${request.action}: no complete answer within ${timeoutMs} ms`,
    fields: { timeoutMs },
  })
}

/** A body that must be an object of JSON; a proxy's error page is not. */
export function parseAnswer<T>(request: KubeRequest, answer: KubeAnswer): T {
  if (answer.status >= 400 || answer.status < 200)
    throw statusError(request.action, answer.status, parseStatus(answer.text), answer.retryAfterMs)
  try {
    return JSON.parse(answer.text) as T
  } catch (cause) {
    throw new OsError('transient', {
      code: 'kube-unavailable',
      message: `Cannot ${request.action}: the answer is not JSON`,
      cause,
    })
  }
}
