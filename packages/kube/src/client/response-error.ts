// Answers and broken connections as OsErrors with the codes that kube-client.ts promises.
import { type ErrorKind, OsError } from '@kubenest/base/errors'

/** The members of a Kubernetes `Status` that we read. */
export interface StatusBody {
  readonly code?: number
  readonly reason?: string
  readonly message?: string
  readonly details?: {
    readonly name?: string
    readonly retryAfterSeconds?: number
    readonly causes?: readonly { readonly reason?: string; readonly message?: string }[]
  }
}

const MESSAGE_LENGTH_MAX = 2000

const BY_STATUS: Readonly<Record<number, readonly [ErrorKind, string]>> = {
  401: ['blocked', 'kube-unauthorized'],
  403: ['blocked', 'kube-forbidden'],
  404: ['invalid', 'kube-not-found'],
  409: ['transient', 'kube-conflict'],
  410: ['transient', 'kube-gone'],
  429: ['transient', 'kube-throttled'],
}

/** Error for an HTTP status with its body; `action` completes `Cannot …`. */
export function statusError(
  action: string,
  status: number,
  body: StatusBody,
  retryAfterMs?: number,
): OsError {
  const [kind, code] =
    BY_STATUS[status] ??
    (status >= 500 ? ['transient', 'kube-unavailable'] : ['invalid', 'kube-invalid'])
  const seconds = body.details?.retryAfterSeconds
  const delayMs = retryAfterMs ?? (seconds === undefined ? undefined : seconds * 1000)
  return new OsError(kind, {
    code,
    message: `Cannot ${action}: ${statusMessage(status, body)}`,
    fields: { status, reason: body.reason, name: body.details?.name },
    ...(delayMs === undefined ? {} : { retryAfterMs: delayMs }),
  })
}

/** The server's own words, causes included: a refused eviction names its budget only there. */
export function statusMessage(status: number, body: StatusBody): string {
  const causes = (body.details?.causes ?? []).map((cause) => cause.message ?? '')
  const words = [body.message ?? '', ...causes.filter((cause) => !body.message?.includes(cause))]
  const text = words.filter((word) => word !== '').join(' ')
  return (text === '' ? `the API server answered ${status}` : text).slice(0, MESSAGE_LENGTH_MAX)
}

/** Body of an answer as a `Status`; text that is not JSON becomes the message. */
export function parseStatus(text: string): StatusBody {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return { message: text.trim().slice(0, 300) }
  }
}

/** Milliseconds of a `Retry-After` header in seconds; dates are not used by Kubernetes. */
export function parseRetryAfter(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined
}

/**
 * Error for a request that brought no answer. A certificate problem is never taken for a network
 * problem.
 */
export function connectionError(action: string, server: string, cause: unknown): OsError {
  const code = codeOf(cause)
  const message = cause instanceof Error ? cause.message : String(cause)
  if (isTlsProblem(code, message))
    return new OsError('host', {
      code: 'kube-tls',
      message: `Cannot ${action}: the TLS connection to ${server} failed: ${tlsReason(code, message)}`,
      fields: { server, tlsCode: code },
      cause,
    })
  return new OsError('transient', {
    code: 'kube-unavailable',
    message: `Cannot ${action}: no answer from ${server}: ${message.slice(0, 300)}`,
    fields: { server, errno: code },
    cause,
  })
}

// Codes differ between runtimes and versions, so classes are matched, never one code (runtime notes
// 4.15).
function isTlsProblem(code: string, message: string): boolean {
  return (
    /CERT|TLS|SSL|SIGNATURE|ISSUER|EPROTO|CRL/i.test(code) ||
    /certificate|\bTLS\b|\bSSL\b/i.test(message)
  )
}

function tlsReason(code: string, message: string): string {
  if (/ALTNAME|HOSTNAME/i.test(code))
    return `its certificate is for another name (${code}); use a listed address or set tls-server-name`
  if (/EXPIRED/i.test(code))
    return `its certificate has expired (${code}); renew it, or check the clock`
  if (/NOT_YET_VALID/i.test(code))
    return `its certificate is not valid yet (${code}); check the clock`
  if (/SELF_SIGNED|VERIFY|ISSUER|SIGNATURE/i.test(code))
    return `its certificate is not signed by the configured authority (${code}); check certificate-authority`
  return `${message.slice(0, 300)}${code === '' ? '' : ` (${code})`}`
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : ''
}
