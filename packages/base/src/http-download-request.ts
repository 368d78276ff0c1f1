// One request for a file, redirects included, up to the headers of a usable answer.
import { lookup } from 'node:dns/promises'
import { OsError } from './errors.ts'
import type { Clock } from './clock.ts'
import { statusError, transportError } from './http-download-errors.ts'
import { validatorOf } from './http-download-headers.ts'
import {
  checkRedirectArea,
  redirectRefused,
  REDIRECTS_MAX,
  redirectTarget,
} from './http-download-redirect.ts'

const ANSWER_LIMIT_MS = 30_000
const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308])

/** PEM texts for https. When a CA is given, only that CA counts (decision 24). */
export interface DownloadTls {
  readonly ca: string
  readonly cert?: string
  readonly key?: string
}

/** A file to ask for. */
export interface FileRequest {
  readonly url: URL
  readonly tls?: DownloadTls
  readonly signal: AbortSignal
  readonly clock: Clock
  /** First byte wanted. @defaultValue 0 */
  readonly offset?: number
  /** For If-Range: gives the whole file when it changed. */
  readonly validator?: string | undefined
  /** Addresses of a host name. @defaultValue the machine's resolver */
  readonly resolveHost?: (host: string) => Promise<readonly string[]>
}

/** A usable answer: 200, or 206 when an offset was asked for. */
export interface FileResponse {
  readonly response: Response
  readonly validator: string | undefined
  /** Ends the transport; `fault` then is what `explain` gives. Harmless when repeated. */
  drop(fault?: OsError): void
  /** What an error thrown by the body means. */
  explain(error: unknown): OsError
}

/**
 * Sends the request and follows redirects; throws for every answer that does not bring the file.
 */
export async function requestFile(request: FileRequest): Promise<FileResponse> {
  let url = request.url
  for (let hops = 0; hops <= REDIRECTS_MAX; hops += 1) {
    const answer = await requestOnce(request, url)
    if (!REDIRECT_STATUSES.has(answer.response.status)) return checkAnswer(request, url, answer)
    answer.drop()
    const target = redirectTarget(url, answer.response.headers.get('location'))
    await checkTarget(request, url, target)
    url = target
  }
  throw redirectRefused(url, `there are more than ${REDIRECTS_MAX} in a row`)
}

async function requestOnce(request: FileRequest, url: URL): Promise<FileResponse> {
  const attempt = createAttempt(request, url)
  const fault = new OsError('transient', {
    code: 'download-stalled',
    message: `Cannot download the image: ${url.host} did not answer within ${ANSWER_LIMIT_MS / 1000} s`,
  })
  const cancel = request.clock.schedule(ANSWER_LIMIT_MS, () => attempt.drop(fault))
  try {
    const response = await fetch(url, {
      headers: headersOf(request),
      redirect: 'manual',
      // The digest is over the bytes on the wire.
      decompress: false,
      signal: attempt.signal,
      ...(request.tls !== undefined && url.protocol === 'https:' ? { tls: request.tls } : {}),
    })
    attempt.answered()
    return { ...attempt, response, validator: validatorOf(response) }
  } catch (error) {
    throw attempt.explain(error)
  } finally {
    cancel()
  }
}

/** State of one exchange: why it was ended, when we ended it. */
function createAttempt(request: FileRequest, url: URL) {
  const abort = new AbortController()
  let fault: OsError | undefined
  let hasAnswer = false
  return {
    signal: AbortSignal.any([request.signal, abort.signal]),
    answered() {
      hasAnswer = true
    },
    drop(reason?: OsError) {
      fault ??= reason
      abort.abort()
    },
    explain(error: unknown): OsError {
      if (request.signal.aborted) return cancelled()
      const hasClientCertificate = request.tls?.cert !== undefined
      return fault ?? transportError(error, { url, hasClientCertificate, hasAnswer })
    },
  }
}

function headersOf(request: FileRequest): Record<string, string> {
  const offset = request.offset ?? 0
  return {
    'Accept-Encoding': 'identity',
    'User-Agent': 'kubenest-os-agent',
    ...(offset > 0 ? { Range: `bytes=${offset}-` } : {}),
    ...(offset > 0 && request.validator !== undefined ? { 'If-Range': request.validator } : {}),
  }
}

function checkAnswer(request: FileRequest, url: URL, answer: FileResponse): FileResponse {
  const { status, headers } = answer.response
  const encoding = headers.get('content-encoding') ?? 'identity'
  const isWanted = status === 200 || (status === 206 && (request.offset ?? 0) > 0)
  if (isWanted && encoding === 'identity') return answer
  answer.drop()
  if (!isWanted) throw statusError(status, url)
  throw new OsError('invalid', {
    code: 'content-encoded',
    message: `Cannot download the image: ${url.host} sends it with Content-Encoding ${encoding.slice(0, 40)}; serve the file as it is`,
    fields: { host: url.host },
  })
}

async function checkTarget(request: FileRequest, from: URL, target: URL): Promise<void> {
  const resolveHost = request.resolveHost ?? resolveByMachine
  try {
    const firstAddresses = await resolveHost(bareHost(request.url))
    checkRedirectArea(from, firstAddresses, await resolveHost(bareHost(target)))
  } catch (error) {
    throw transportError(error, { url: target, hasClientCertificate: false, hasAnswer: true })
  }
}

async function resolveByMachine(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map((entry) => entry.address)
}

function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

function cancelled(): OsError {
  return new OsError('blocked', {
    code: 'cancelled',
    message: 'Cannot finish the download: it was cancelled',
  })
}
