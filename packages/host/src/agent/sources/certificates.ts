// The certificates that a request names: plain file names below one folder, links out of it refused
// (threat T5). Contents go to the transport only, never into a message.
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { readText, resolveLinks, stat } from '@kubenest/base/files'
import type { DownloadTls } from '@kubenest/base/http-download-request'
import { checkCaBundle, checkClientIdentity, type NamedPem } from '@kubenest/base/http-download-tls'
import type { Logger } from '@kubenest/base/log'
import type { SysRoot } from '@kubenest/base/sysroot'

/** Where users put certificates (contract 4.4). */
export const CERTS_DIRECTORY = '/etc/KubeOS/certs'
const PEM_BYTES_MAX = 1024 * 1024
const PLAIN_NAME = /^[\p{L}\p{N}_@+-][\p{L}\p{N} ._@+-]*$/u

/** What loading certificates needs. */
export interface CertificateDeps {
  readonly sysroot: SysRoot
  readonly clock: Clock
  readonly log: Logger
}

/** Loads and checks what https needs: the CA always, certificate and key for mutual TLS. */
export async function loadDownloadTls(
  request: PrepareUpgradeParams,
  deps: CertificateDeps,
): Promise<DownloadTls> {
  const ca = await loadPem(deps.sysroot, 'cacert', request.certs.ca_cert)
  checkCaBundle(ca)
  if (!request.mtls) return { ca: ca.text }
  const cert = await loadPem(deps.sysroot, 'clientcert', request.certs.client_cert)
  const key = await loadPem(deps.sysroot, 'clientkey', request.certs.client_key)
  if ((key.mode & 0o077) !== 0)
    deps.log.warn('a private key can be read by others; give it mode 0600', { file: key.name })
  checkClientIdentity(cert, key, deps.clock.nowMs())
  return { ca: ca.text, cert: cert.text, key: key.text }
}

async function loadPem(
  sysroot: SysRoot,
  field: string,
  name: string,
): Promise<NamedPem & { mode: number }> {
  if (!PLAIN_NAME.test(name)) throw badName(field, name)
  const directory = await resolveLinks(sysroot.path(CERTS_DIRECTORY))
  const file = await resolveLinks(sysroot.path(`${CERTS_DIRECTORY}/${name}`))
  const info = file === undefined ? undefined : await stat(file)
  if (directory === undefined || file === undefined || info === undefined)
    throw missing(field, name)
  if (!file.startsWith(`${directory}/`) || info.kind !== 'file' || info.sizeBytes > PEM_BYTES_MAX)
    throw refusal(
      'certificate-refused',
      `${field}: ${name} is not a plain file of at most 1 MiB in ${CERTS_DIRECTORY}`,
    )
  const text = await readText(file)
  if (text === undefined) throw missing(field, name)
  return { name, text, mode: info.mode }
}

function badName(field: string, name: string): OsError {
  const reason = name === '' ? 'is empty' : 'is not a plain file name'
  const remedy = `put the file into ${CERTS_DIRECTORY} on the node and give its name`
  const shown = JSON.stringify(name.slice(0, 100))
  return refusal('certificate-name-refused', `${field}: ${shown} ${reason}; ${remedy}`)
}

function missing(field: string, name: string): OsError {
  return refusal(
    'certificate-missing',
    `${field}: there is no ${CERTS_DIRECTORY}/${name} on this node; copy it there`,
  )
}

function refusal(code: string, reason: string): OsError {
  return new OsError('invalid', { code, message: `Cannot use the certificates: ${reason}` })
}
