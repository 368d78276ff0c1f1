import { describe, expect, test } from 'bun:test'
import { isOsError } from '@kubenest/base/errors'
import { loadKubeConfig } from './load-config.ts'

const PEM = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n'
const SECRETS = '/var/run/secrets/kubernetes.io/serviceaccount'

const reader = (files: Record<string, string>) => async (file: string) => files[file]

function kubeconfig(cluster: object, user: object): string {
  return JSON.stringify({
    'current-context': 'main',
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u', namespace: 'team' } }],
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
  })
}

async function load(cluster: object, user: object, more: Record<string, string> = {}) {
  return await loadKubeConfig({
    env: { KUBECONFIG: '/etc/k/config' },
    readFile: reader({ '/etc/k/config': kubeconfig(cluster, user), ...more }),
  })
}

describe('loadKubeConfig()', () => {
  test('uses the service account in a pod', async () => {
    const config = await loadKubeConfig({
      env: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443', HOME: '/root' },
      readFile: reader({
        [`${SECRETS}/ca.crt`]: PEM,
        [`${SECRETS}/token`]: 't',
        [`${SECRETS}/namespace`]: 'upgrade-system\n',
      }),
    })
    expect(config).toEqual({
      server: 'https://[fd00::1]:6443',
      ca: PEM,
      tokenFile: `${SECRETS}/token`,
      namespace: 'upgrade-system',
    })
  })

  test('prefers KUBECONFIG, and reads data, files beside it and the token file', async () => {
    const data = Buffer.from(PEM).toString('base64')
    const config = await load(
      { server: 'https://h:1/', 'certificate-authority': 'ca.pem', 'tls-server-name': 'k8s' },
      { 'client-certificate-data': data, 'client-key': '/keys/key.pem', tokenFile: 'token' },
      { '/etc/k/ca.pem': PEM, '/keys/key.pem': 'KEY' },
    )
    expect(config).toEqual({
      server: 'https://h:1',
      namespace: 'team',
      ca: PEM,
      tlsServerName: 'k8s',
      clientCertificate: PEM,
      clientKey: 'KEY',
      tokenFile: '/etc/k/token',
    })
  })

  const https = { server: 'https://h:1' }
  const refused: readonly (readonly [string, object, object, RegExp])[] = [
    [
      'insecure TLS',
      { ...https, 'insecure-skip-tls-verify': true },
      {},
      /insecure-skip-tls-verify true is refused; set certificate-authority/,
    ],
    [
      'exec plug-ins',
      https,
      { exec: { command: 'x' } },
      /users\[\]\.user\.exec is not supported; use a service account/,
    ],
    [
      'auth providers',
      https,
      { 'auth-provider': { name: 'oidc' } },
      /auth-provider is not supported/,
    ],
    ['passwords', https, { username: 'x', password: 'y' }, /username is not supported/],
    [
      'a certificate without its key',
      https,
      { 'client-certificate-data': Buffer.from(PEM).toString('base64') },
      /client-key is missing/,
    ],
    [
      'data that is not PEM',
      { ...https, 'certificate-authority-data': 'AAAA' },
      {},
      /certificate-authority-data is not base64 of a PEM/,
    ],
    [
      'a missing file',
      { ...https, 'certificate-authority': 'gone.pem' },
      {},
      /certificate-authority gone.pem does not exist/,
    ],
    ['a server that is no URL', { server: 'h' }, {}, /server "h" is not a URL/],
    ['another protocol', { server: 'ftp://h' }, {}, /neither https nor http/],
  ]
  for (const [name, cluster, user, message] of refused)
    test(`refuses ${name} by name`, async () => {
      const error = await load(cluster, user).then(
        () => undefined,
        (e: unknown) => e,
      )
      expect(isOsError(error, 'config-kubeconfig')).toBe(true)
      expect((error as Error).message).toMatch(message)
    })

  const incomplete: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    ['no configuration at all', {}, /set KUBECONFIG/],
    ['a KUBECONFIG that does not exist', { KUBECONFIG: '/x' }, /\/x does not exist/],
    ['a pod without a token', { KUBERNETES_SERVICE_HOST: 'h' }, /automountServiceAccountToken/],
    ['several files', { KUBECONFIG: '/a:/b' }, /merge them/],
    ['a home without a kubeconfig', { HOME: '/h' }, /\/h\/\.kube\/config does not exist/],
  ]
  for (const [name, env, message] of incomplete)
    test(`names the remedy for ${name}`, async () => {
      expect(loadKubeConfig({ env, readFile: reader({}) })).rejects.toThrow(message)
    })

  test('names a missing context', async () => {
    const readFile = reader({ '/k': kubeconfig(https, {}) })
    expect(
      loadKubeConfig({ env: {}, kubeconfigPath: '/k', context: 'none', readFile }),
    ).rejects.toThrow('contexts has no entry "none"')
  })
})
