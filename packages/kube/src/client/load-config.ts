// Finds the connection as every Kubernetes program does: an explicit file, KUBECONFIG, the pod's
// service account, ~/.kube/config. What we do not support is refused by name; TLS is never
// weakened.
import { OsError } from '@kubenest/base/errors'
import { readText } from '@kubenest/base/files'
import path from 'node:path'
import type { KubeConfig } from './kube-config.ts'

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Facts that {@link loadKubeConfig} may use. */
export interface LoadConfigOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Text of a file, `undefined` when it does not exist. @defaultValue the real file system */
  readonly readFile?: (file: string) => Promise<string | undefined>
  /** An explicit `--kubeconfig`; goes before everything else. */
  readonly kubeconfigPath?: string
  /** Context to use instead of the file's current one. */
  readonly context?: string
}

/**
 * Loads the connection to the API server.
 *
 * @throws {OsError} kind `invalid`, code `config-kubeconfig`, naming field, value and remedy, when
 * nothing usable is found or a field is not supported.
 */
export async function loadKubeConfig(options: LoadConfigOptions): Promise<KubeConfig> {
  const readFile = options.readFile ?? readText
  const named = options.kubeconfigPath ?? nonEmpty(options.env['KUBECONFIG'])
  if (named !== undefined) return await fromFile(named, readFile, options.context, true)
  if (nonEmpty(options.env['KUBERNETES_SERVICE_HOST']) !== undefined)
    return await inCluster(options.env, readFile)
  const home = nonEmpty(options.env['HOME'])
  if (home !== undefined)
    return await fromFile(path.join(home, '.kube/config'), readFile, options.context, false)
  throw configError(
    'no cluster is configured; set KUBECONFIG, or run in a pod with a service account',
  )
}

async function fromFile(
  file: string,
  readFile: (file: string) => Promise<string | undefined>,
  context: string | undefined,
  named: boolean,
): Promise<KubeConfig> {
  if (named && file.includes(':'))
    throw configError(`KUBECONFIG ${file} lists several files; merge them into one file`)
  const text = await readFile(file)
  if (text === undefined)
    throw configError(
      named
        ? `the kubeconfig ${file} does not exist`
        : `KUBECONFIG is not set and ${file} does not exist; set KUBECONFIG`,
    )
  // Not loaded in pods: resident programs do without a YAML parser (ADR 0006).
  const { parseKubeconfig } = await import('./parse-kubeconfig.ts')
  return await parseKubeconfig({
    text,
    file,
    ...(context === undefined ? {} : { context }),
    readFile,
  })
}

async function inCluster(
  env: LoadConfigOptions['env'],
  readFile: (file: string) => Promise<string | undefined>,
): Promise<KubeConfig> {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? ''
  const port = nonEmpty(env['KUBERNETES_SERVICE_PORT']) ?? '443'
  const ca = await readFile(`${SERVICE_ACCOUNT}/ca.crt`)
  const token = await readFile(`${SERVICE_ACCOUNT}/token`)
  if (ca === undefined || token === undefined)
    throw configError(
      `${SERVICE_ACCOUNT} holds no ${ca === undefined ? 'ca.crt' : 'token'}; set automountServiceAccountToken: true`,
    )
  const namespace = (await readFile(`${SERVICE_ACCOUNT}/namespace`))?.trim()
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca,
    tokenFile: `${SERVICE_ACCOUNT}/token`,
    ...(namespace === undefined || namespace === '' ? {} : { namespace }),
  }
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value
}

function configError(reason: string): OsError {
  return new OsError('invalid', {
    code: 'config-kubeconfig',
    message: `Cannot connect to the cluster: ${reason}`,
  })
}
