// Certificates and keys for a download are looked at before the first byte: with a mismatched pair
// the transport would only say that it cannot open a socket (runtime notes, pitfall 14).
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { OsError } from './errors.ts'

/** A PEM text and the name it is called by in messages. */
export interface NamedPem {
  readonly name: string
  readonly text: string
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * Checks a CA bundle: at least one certificate, all readable.
 *
 * @throws {OsError} kind `invalid`, code `certificate-malformed`, naming the file, never its
 * content.
 */
export function checkCaBundle(ca: NamedPem): void {
  parseCertificates(ca)
}

/**
 * Checks a client's certificate (chain) and key: readable, valid now, and belonging together.
 *
 * @throws {OsError} kind `invalid`, codes `certificate-malformed`, `certificate-expired`,
 * `key-malformed`, `key-mismatch`.
 */
export function checkClientIdentity(cert: NamedPem, key: NamedPem, nowMs: number): void {
  const leaf = parseCertificates(cert)[0]
  const privateKey = parseKey(key)
  if (leaf === undefined || !leaf.checkPrivateKey(privateKey))
    throw refusal(
      'key-mismatch',
      `the key ${key.name} does not belong to the certificate ${cert.name}`,
    )
  if (nowMs > Date.parse(leaf.validTo))
    throw refusal(
      'certificate-expired',
      `the certificate ${cert.name} expired on ${leaf.validTo}; renew it`,
    )
}

function parseCertificates(pem: NamedPem): X509Certificate[] {
  const blocks = pem.text.match(CERTIFICATE) ?? []
  try {
    if (blocks.length > 0) return blocks.map((block) => new X509Certificate(block))
  } catch {
    // Told below: the parser's own text helps nobody.
  }
  throw refusal('certificate-malformed', `${pem.name} holds no readable PEM certificate`)
}

function parseKey(pem: NamedPem): KeyObject {
  try {
    return createPrivateKey(pem.text)
  } catch {
    // The parser's text may quote the key; it is not passed on.
    throw refusal('key-malformed', `${pem.name} holds no readable PEM key without password`)
  }
}

function refusal(code: string, reason: string): OsError {
  return new OsError('invalid', { code, message: `Cannot use the certificates: ${reason}` })
}
