// The part of the kubeconfig format that we honour; every other way to log in is refused by name,
// because a silent fallback to "no credentials" costs people hours.
import { OsError } from '@kubenest/base/errors'
import path from 'node:path'
import { parse } from 'yaml'
import type { KubeConfig } from './kube-config.ts'

type Section = Readonly<Record<string, unknown>>

/** A kubeconfig and how to read the files that it names. */
export interface KubeconfigSource {
  readonly text: string
  /** Path of the file: for messages, and because paths inside are relative to it. */
  readonly file: string
  /** @defaultValue the file's `current-context` */
  readonly context?: string
  readonly readFile: (file: string) => Promise<string | undefined>
}

/**
 * Reads one context of a kubeconfig.
 *
 * @throws {OsError} kind `invalid`, code `config-kubeconfig`, naming the field and the remedy.
 */
export async function parseKubeconfig(source: KubeconfigSource): Promise<KubeConfig> {
  const root = parseYaml(source)
  const contextName = source.context ?? text(root, 'current-context')
  if (contextName === undefined)
    throw problem(source, 'current-context', 'is not set; run kubectl config use-context NAME')
  const context = named(source, root, 'contexts', contextName, 'context')
  const cluster = named(source, root, 'clusters', text(context, 'cluster') ?? '', 'cluster')
  const userName = text(context, 'user')
  const user = userName === undefined ? {} : named(source, root, 'users', userName, 'user')
  refuseUnsupported(source, cluster, user)
  const namespace = text(context, 'namespace')
  return {
    server: serverOf(source, cluster),
    ...(await trustOf(source, cluster)),
    ...(await credentialsOf(source, user)),
    ...(namespace === undefined ? {} : { namespace }),
  }
}

function parseYaml(source: KubeconfigSource): Section {
  try {
    const value: unknown = parse(source.text)
    if (isSection(value)) return value
  } catch (cause) {
    throw new OsError('invalid', {
      code: 'config-kubeconfig',
      message: `Cannot read the kubeconfig ${source.file}: it is not valid YAML; check it with kubectl config view`,
      cause,
    })
  }
  throw problem(source, 'the file', 'is not a YAML mapping; check it with kubectl config view')
}

function refuseUnsupported(source: KubeconfigSource, cluster: Section, user: Section): void {
  if (cluster['insecure-skip-tls-verify'] === true)
    throw problem(
      source,
      'insecure-skip-tls-verify',
      'true is refused; set certificate-authority instead',
    )
  if (cluster['proxy-url'] !== undefined)
    throw problem(source, 'proxy-url', 'is not supported; set HTTPS_PROXY instead')
  const remedy = 'is not supported; use a service account token or a client certificate'
  for (const field of ['exec', 'auth-provider', 'username', 'as'])
    if (user[field] !== undefined) throw problem(source, `users[].user.${field}`, remedy)
}

function serverOf(source: KubeconfigSource, cluster: Section): string {
  const server = text(cluster, 'server')
  if (server === undefined || !URL.canParse(server))
    throw problem(
      source,
      'server',
      `${JSON.stringify(server ?? null)} is not a URL; set https://HOST:PORT`,
    )
  if (!/^https?:$/.test(new URL(server).protocol))
    throw problem(source, 'server', `${server} is neither https nor http; set https://HOST:PORT`)
  return server.replace(/\/+$/, '')
}

async function trustOf(source: KubeconfigSource, cluster: Section): Promise<Partial<KubeConfig>> {
  const ca = await material(source, cluster, 'certificate-authority')
  const tlsServerName = text(cluster, 'tls-server-name')
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
  }
}

async function credentialsOf(
  source: KubeconfigSource,
  user: Section,
): Promise<Partial<KubeConfig>> {
  const clientCertificate = await material(source, user, 'client-certificate')
  const clientKey = await material(source, user, 'client-key')
  if ((clientCertificate === undefined) !== (clientKey === undefined))
    throw problem(
      source,
      clientKey === undefined ? 'client-key' : 'client-certificate',
      'is missing; client-certificate and client-key go together',
    )
  const token = text(user, 'token')
  const tokenFile = text(user, 'tokenFile')
  return {
    ...(clientCertificate === undefined || clientKey === undefined
      ? {}
      : { clientCertificate, clientKey }),
    ...(token === undefined ? {} : { token }),
    ...(tokenFile === undefined ? {} : { tokenFile: beside(source, tokenFile) }),
  }
}

/** PEM from `<field>-data` (base64), else from the file that `<field>` names. */
async function material(
  source: KubeconfigSource,
  section: Section,
  field: string,
): Promise<string | undefined> {
  const data = text(section, `${field}-data`)
  if (data !== undefined) {
    const pem = Buffer.from(data, 'base64').toString('utf8')
    if (!pem.includes('-----BEGIN'))
      throw problem(source, `${field}-data`, 'is not base64 of a PEM text')
    return pem
  }
  const file = text(section, field)
  if (file === undefined) return undefined
  const pem = await source.readFile(beside(source, file))
  if (pem === undefined) throw problem(source, field, `${file} does not exist`)
  return pem
}

function beside(source: KubeconfigSource, file: string): string {
  return path.resolve(path.dirname(source.file), file)
}

function named(
  source: KubeconfigSource,
  root: Section,
  listName: string,
  name: string,
  member: string,
): Section {
  const list = root[listName]
  const entries = Array.isArray(list) ? list.filter((entry) => isSection(entry)) : []
  const found = entries.find((entry) => entry['name'] === name)
  if (found === undefined) throw problem(source, listName, `has no entry ${JSON.stringify(name)}`)
  const value = found[member]
  return isSection(value) ? value : {}
}

function text(section: Section, field: string): string | undefined {
  const value = section[field]
  return typeof value === 'string' && value !== '' ? value : undefined
}

function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function problem(source: KubeconfigSource, field: string, reason: string): OsError {
  return new OsError('invalid', {
    code: 'config-kubeconfig',
    message: `Cannot use the kubeconfig ${source.file}: ${field} ${reason}`,
    fields: { file: source.file, field },
  })
}
