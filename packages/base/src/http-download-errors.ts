// Failures of a transport → errors that tell which check failed and what to do. Bun's texts may
// hold the whole URL (and thereby a token), so they are never passed on; its codes are matched by
// class only.
import { OsError } from './errors.ts'

/** What the sentence needs to know about the request. */
export interface TransportFacts {
  readonly url: URL
  readonly hasClientCertificate: boolean
  /** The answer has begun: the TLS handshake is not to blame. */
  readonly hasAnswer: boolean
}

const UNKNOWN_CA =
  /^(UNABLE_TO_(VERIFY|GET)|SELF_SIGNED|DEPTH_ZERO|CERT_UNTRUSTED|CERT_CHAIN|INVALID_CA|CERT_SIGNATURE)/
const HANDSHAKE = /^(EPROTO|ERR_SSL|ECONNRESET|ERR_TLS)/

/** Turns what fetch threw into an error without secrets. */
export function transportError(thrown: unknown, facts: TransportFacts): OsError {
  if (thrown instanceof OsError) return thrown
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown'
  const isTls = facts.url.protocol === 'https:' && !facts.hasAnswer
  const known = isTls ? tlsError(code, facts) : undefined
  return known ?? networkError(code, facts)
}

function tlsError(code: string, facts: TransportFacts): OsError | undefined {
  const host = facts.url.hostname
  if (UNKNOWN_CA.test(code))
    return failure(
      'invalid',
      'tls-unknown-ca',
      facts,
      `the certificate of ${host} is not from the given CA; name the CA that issued it in cacert`,
    )
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return failure(
      'invalid',
      'tls-wrong-host',
      facts,
      `the certificate of the server is not for ${host}; use the name it is issued for`,
    )
  if (code === 'CERT_HAS_EXPIRED')
    return failure(
      'transient',
      'tls-expired',
      facts,
      `the certificate of ${host} has expired; renew it, or correct the clock of this node`,
    )
  if (code === 'CERT_NOT_YET_VALID')
    return failure(
      'transient',
      'tls-not-yet-valid',
      facts,
      `the certificate of ${host} is not valid yet; the clock of this node is probably behind`,
    )
  if (!HANDSHAKE.test(code)) return undefined
  const remedy = facts.hasClientCertificate
    ? 'the server probably refuses the client certificate; check clientcert and the CA the server trusts'
    : 'the server may demand a client certificate (mtls: true), or speaks no TLS 1.2 there'
  return failure('transient', 'tls-handshake-failed', facts, remedy)
}

function networkError(code: string, facts: TransportFacts): OsError {
  const host = facts.url.host
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code.startsWith('DNS'))
    return failure(
      'transient',
      'host-not-found',
      facts,
      `the name ${facts.url.hostname} cannot be resolved; check imageurl and the DNS of this node`,
    )
  if (code === 'ECONNREFUSED' || code === 'ConnectionRefused' || code === 'FailedToOpenSocket')
    return failure(
      'transient',
      'connection-refused',
      facts,
      `nothing answers at ${host}; check imageurl and that the server runs`,
    )
  if (
    code === 'InvalidContentLength' ||
    code === 'ResponseHeadersTooLarge' ||
    code.startsWith('InvalidHTTP')
  )
    return failure(
      'transient',
      'http-malformed',
      facts,
      `${host} does not answer in proper HTTP (${code})`,
    )
  return failure(
    'transient',
    'connection-broken',
    facts,
    `the connection to ${host} broke (${code})`,
  )
}

function failure(
  kind: 'invalid' | 'transient',
  code: string,
  facts: TransportFacts,
  reason: string,
): OsError {
  return new OsError(kind, {
    code,
    message: `Cannot download the image: ${reason}`,
    fields: { host: facts.url.host },
  })
}

/** For a status that is not the wanted one. */
export function statusError(status: number, url: URL): OsError {
  const isTransient = status >= 500 || status === 408 || status === 429
  const remedy = status === 404 ? 'the file is not there; check imageurl' : 'status 200 is expected'
  return new OsError(isTransient ? 'transient' : 'invalid', {
    code: isTransient ? 'http-server-failed' : 'http-status',
    message: `Cannot download the image: ${url.host} answered with status ${status}; ${remedy}`,
    fields: { status, host: url.host },
  })
}
