// Certificates of a lab: which there are (pure), and how the openssl program makes them. Two
// authorities: no certificate that a node or a pod holds opens etcd.
import { type Exec, runOrThrow } from '@kubenest/base/exec'

/** One certificate to make. `name` is also its file name. */
export interface CertificateRequest {
  readonly name: string
  readonly authority: 'ca' | 'etcd-ca'
  readonly commonName: string
  readonly organizations: readonly string[]
  /** Entries like `IP:127.0.0.1`, `DNS:localhost`. */
  readonly alternativeNames: readonly string[]
  readonly usage: 'serverAuth' | 'clientAuth'
}

const VALID_DAYS = 30
const LOOPBACK = ['IP:127.0.0.1', 'DNS:localhost'] as const
/** How a guest with user networking reaches the machine's loopback. */
const FROM_GUESTS = 'IP:10.0.2.2'
/** First address of the service range: the `kubernetes` service. */
const KUBERNETES_SERVICE = 'IP:10.96.0.1'
/** The documented service account, which operator and proxies share (contract 1.8). */
export const UPGRADE_ACCOUNT = 'system:serviceaccount:upgrade-system:default'
const UPGRADE_GROUPS = ['system:serviceaccounts', 'system:serviceaccounts:upgrade-system']

/** Every certificate of a lab with these nodes. */
export function planCertificates(nodes: readonly string[]): CertificateRequest[] {
  const serverNames = [...LOOPBACK, FROM_GUESTS, KUBERNETES_SERVICE, 'DNS:kubernetes.default.svc']
  return [
    server('etcd', 'etcd-ca', LOOPBACK),
    client('etcd-client', 'kube-apiserver', [], 'etcd-ca'),
    server('apiserver', 'ca', serverNames),
    client('admin', 'kubenest-lab-admin', ['system:masters']),
    client('controller-manager', 'system:kube-controller-manager', []),
    client('scheduler', 'system:kube-scheduler', []),
    client('upgrade', UPGRADE_ACCOUNT, UPGRADE_GROUPS),
    ...nodes.map((node) => client(`node-${node}`, `system:node:${node}`, ['system:nodes'])),
  ]
}

function server(
  name: string,
  authority: CertificateRequest['authority'],
  alternativeNames: readonly string[],
): CertificateRequest {
  const usage = 'serverAuth'
  return { name, authority, commonName: name, organizations: [], alternativeNames, usage }
}

function client(
  name: string,
  commonName: string,
  organizations: readonly string[],
  authority: CertificateRequest['authority'] = 'ca',
): CertificateRequest {
  return { name, authority, commonName, organizations, alternativeNames: [], usage: 'clientAuth' }
}

/** openssl arguments for a self-signed authority. */
export function authorityArguments(folder: string, name: string): string[] {
  return [
    ...keyArguments(folder, name),
    '-subj',
    `/CN=kubenest-lab-${name}`,
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  ]
}

/** openssl arguments for a certificate signed by one of the authorities. */
export function certificateArguments(folder: string, request: CertificateRequest): string[] {
  const organizations = request.organizations.map((name) => `/O=${name}`).join('')
  const names = request.alternativeNames.join(',')
  return [
    ...keyArguments(folder, request.name),
    '-CA',
    `${folder}/${request.authority}.crt`,
    '-CAkey',
    `${folder}/${request.authority}.key`,
    '-subj',
    `${organizations}/CN=${request.commonName}`,
    '-addext',
    'basicConstraints=critical,CA:FALSE',
    '-addext',
    'keyUsage=critical,digitalSignature',
    '-addext',
    `extendedKeyUsage=${extendedUsage(request)}`,
    ...(names === '' ? [] : ['-addext', `subjectAltName=${names}`]),
  ]
}

/** etcd's gateway is a client of its own server and uses the same certificate for both sides. */
function extendedUsage(request: CertificateRequest): string {
  return request.name === 'etcd' ? 'serverAuth,clientAuth' : request.usage
}

function keyArguments(folder: string, name: string): string[] {
  return [
    'req',
    '-x509',
    '-config',
    `${folder}/openssl.cnf`,
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-sha256',
    '-days',
    `${VALID_DAYS}`,
    '-keyout',
    `${folder}/${name}.key`,
    '-out',
    `${folder}/${name}.crt`,
  ]
}

/** Makes the authorities, all certificates, and the key that signs service account tokens. */
export async function makeCertificates(
  exec: Exec,
  folder: string,
  requests: readonly CertificateRequest[],
): Promise<void> {
  const openssl = (purpose: string, args: string[]) =>
    runOrThrow(exec, purpose, { argv: ['openssl', ...args], timeoutMs: 30_000 })
  await Promise.all(
    ['ca', 'etcd-ca'].map((name) => openssl(`make ${name}`, authorityArguments(folder, name))),
  )
  await Promise.all([
    ...requests.map((each) => openssl(`make ${each.name}`, certificateArguments(folder, each))),
    openssl('make the service account key', [
      'ecparam',
      '-name',
      'prime256v1',
      '-genkey',
      '-noout',
      '-out',
      `${folder}/service-accounts.key`,
    ]),
  ])
}

/** Configuration of openssl: nothing of the machine's own is used. */
export const OPENSSL_CONFIG = '[req]\ndistinguished_name = name\n[name]\n'
