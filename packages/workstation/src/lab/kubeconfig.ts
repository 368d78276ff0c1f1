// Kubeconfig text with embedded certificates.
import { readText } from '@kubenest/base/files'
import { assert } from '@kubenest/base/assert'

/** What a kubeconfig joins. Certificates and key are PEM. */
export interface KubeconfigParts {
  readonly server: string
  readonly authority: string
  readonly certificate: string
  readonly key: string
  readonly context: string
}

/** Renders a kubeconfig with one context. JSON is YAML. */
export function renderKubeconfig(parts: KubeconfigParts): string {
  const { server, context } = parts
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    clusters: [
      { name: context, cluster: { server, 'certificate-authority-data': base64(parts.authority) } },
    ],
    users: [
      {
        name: context,
        user: {
          'client-certificate-data': base64(parts.certificate),
          'client-key-data': base64(parts.key),
        },
      },
    ],
    contexts: [{ name: context, context: { cluster: context, user: context } }],
  }
  return `${JSON.stringify(config, undefined, 2)}\n`
}

/** Kubeconfig of one certificate of a lab. */
export async function kubeconfigFor(
  pki: string,
  certificate: string,
  server: string,
  context: string,
): Promise<string> {
  const [authority, cert, key] = await Promise.all(
    [`${pki}/ca.crt`, `${pki}/${certificate}.crt`, `${pki}/${certificate}.key`].map(readText),
  )
  assert(
    authority !== undefined && cert !== undefined && key !== undefined,
    `certificate ${certificate} was made before it is used`,
  )
  return renderKubeconfig({ server, authority, certificate: cert, key, context })
}

function base64(text: string): string {
  return btoa(text)
}
