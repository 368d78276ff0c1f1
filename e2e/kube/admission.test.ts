// The admission policies of deploy/kustomize on a real API server, through tokens like those of
// pods: what the programs need passes, what a stolen token of one node would try does not.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs'
import path from 'node:path'
import { startTestLab, type TestLab } from './harness.ts'

const LIMIT_MS = 120_000
const IN_FORCE_WITHIN_MS = 30_000
const root = path.resolve(import.meta.dir, '../..')
const folder = path.join(root, 'deploy/kustomize')
let lab: TestLab

beforeAll(async () => {
  lab = startTestLab()
  for (const file of ['operator-rbac.yaml', 'proxy-rbac.yaml', 'admission.yaml'])
    lab.kubectl(['apply', '-f', path.join(folder, file)])
  for (const name of ['n1', 'n2']) {
    lab.kubectl(['create', '-f', '-'], JSON.stringify(node(name)))
    lab.kubectl(['create', '-f', '-'], JSON.stringify(instance(name)))
  }
  lab.kubectl(['create', '-f', '-'], JSON.stringify(os))
  await inForce()
}, LIMIT_MS)
afterAll(() => lab.stop(), LIMIT_MS)

const node = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { zone: 'z1' }, annotations: { owner: 'team' } },
  spec: { taints: [{ key: 'dedicated', effect: 'NoSchedule' }], providerID: 'x://1' },
})
const instance = (name: string, more: object = {}) => ({
  apiVersion: 'upgrade.openeuler.org/v1alpha1',
  kind: 'OSInstance',
  metadata: {
    name,
    namespace: 'default',
    labels: { 'upgrade.openeuler.org/osinstance-node': name },
    ...more,
  },
  spec: { nodestatus: 'idle' },
})
const os = {
  apiVersion: 'upgrade.openeuler.org/v1alpha1',
  kind: 'OS',
  metadata: { name: 'os-sample', namespace: 'default' },
  spec: {
    opstype: 'upgrade',
    osversion: 'KubeOS v2',
    maxunavailable: 1,
    evictpodforce: true,
    imagetype: 'disk',
    checksum: 'ab'.repeat(32),
    imageurl: 'http://images.example/os.tar',
    flagSafe: true,
    containerimage: '',
  },
}

function tokenOf(account: string, boundTo?: string): string {
  const bound =
    boundTo === undefined ? [] : ['--bound-object-kind', 'Node', '--bound-object-name', boundTo]
  return lab.kubectl(['create', 'token', account, '-n', 'upgrade-system', ...bound]).trim()
}

function cluster(): { server: string; 'certificate-authority-data': string } {
  const view = ['config', 'view', '--raw', '-o', 'jsonpath={.clusters[0].cluster}']
  return JSON.parse(lab.kubectl(view)) as ReturnType<typeof cluster>
}

/** Not through kubectl: it reads a status before it patches it, and our programs need not. */
async function patchStatus(token: string, place: string, status: object): Promise<string> {
  const { server, 'certificate-authority-data': ca } = cluster()
  const answer = await fetch(
    `${server}/apis/upgrade.openeuler.org/v1alpha1/namespaces/default/${place}/status`,
    {
      method: 'PATCH',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/merge-patch+json',
      },
      body: JSON.stringify({ status }),
      tls: { ca: Buffer.from(ca, 'base64').toString() },
    },
  )
  return `${answer.ok ? 'patched' : 'refused'}: ${await answer.text()}`
}

/** kubectl with a token of the account alone: the lab's certificate would make it an admin. */
function as(account: string, boundTo?: string): (args: string[], stdin?: string) => string {
  const token = tokenOf(account, boundTo)
  const config = path.join(lab.stateFolder, `token-${account}-${boundTo ?? 'none'}`)
  const named = (key: string, value: object) => [{ name: 'x', [key]: value }]
  fs.writeFileSync(
    config,
    JSON.stringify({
      clusters: named('cluster', cluster()),
      users: named('user', { token }),
      contexts: named('context', { cluster: 'x', user: 'x' }),
      'current-context': 'x',
    }),
  )
  return (args, stdin) => {
    try {
      return lab.kubectl(['--kubeconfig', config, ...args], stdin)
    } catch (error) {
      return `refused: ${String(error)}`
    }
  }
}

const patch = (kind: string, name: string, body: object) => [
  'patch',
  kind,
  name,
  '--type=merge',
  '-p',
  JSON.stringify(body),
  '-n',
  'default',
]
const cordon = {
  metadata: { annotations: { 'kubenest.io/cordoned-by': 'op' } },
  spec: { unschedulable: true },
}

/** A policy counts some seconds after it was made. */
async function inForce(): Promise<void> {
  const isRefused = (account: string, args: string[]) =>
    as(account, 'n2')([...args, '--dry-run=server']).includes('refused')
  const probes = () => [
    isRefused('upgrade-proxy', patch('node', 'n1', { metadata: { annotations: { a: 'b' } } })),
    isRefused('upgrade-operator', patch('node', 'n1', { metadata: { labels: { a: 'b' } } })),
    isRefused('upgrade-operator', patch('os', 'os-sample', { spec: { maxunavailable: 9 } })),
  ]
  const deadline = Date.now() + IN_FORCE_WITHIN_MS
  while (!probes().every(Boolean) && Date.now() < deadline) await Bun.sleep(500)
}

describe('admission of the proxy', () => {
  test(
    'lets the proxy do its work on its own node',
    async () => {
      const proxy = as('upgrade-proxy', 'n1')
      const operation = { metadata: { annotations: { 'kubenest.io/operation': '{}' } } }
      const idle = { spec: { nodestatus: 'idle', namespacedname: null } }
      const status = { agentVersion: 'x' }
      const label = { metadata: { labels: { 'upgrade.openeuler.org/upgrading': null } } }
      lab.kubectl(['label', 'node', 'n1', 'upgrade.openeuler.org/upgrading='])
      const uncordon = {
        metadata: { annotations: { 'kubenest.io/cordoned-by': null } },
        spec: { unschedulable: null },
      }
      for (const answer of [
        proxy(patch('node', 'n1', cordon)),
        proxy(patch('node', 'n1', uncordon)),
        proxy(patch('node', 'n1', label)),
        proxy(patch('osinstance', 'n1', operation)),
        proxy(patch('osinstance', 'n1', idle)),
        await patchStatus(tokenOf('upgrade-proxy', 'n1'), 'osinstances/n1', status),
      ])
        expect(answer).toContain('patched')
      lab.kubectl(['delete', 'osinstance', 'n1', '-n', 'default'])
      expect(proxy(['create', '-f', '-'], JSON.stringify(instance('n1')))).toContain('created')
    },
    LIMIT_MS,
  )

  const cases: [string, string | undefined, string[]][] = [
    ['cordon another node', 'n1', patch('node', 'n2', cordon)],
    [
      'write the OSInstance of another node',
      'n1',
      patch('osinstance', 'n2', { spec: { nodestatus: 'upgrade' } }),
    ],
    ['do anything with a token without a node', undefined, patch('node', 'n1', cordon)],
    ['remove taints', 'n1', patch('node', 'n1', { spec: { taints: null } })],
    [
      'attract pods by a label',
      'n1',
      patch('node', 'n1', { metadata: { labels: { zone: 'z2' } } }),
    ],
    ['remove a label', 'n1', patch('node', 'n1', { metadata: { labels: { zone: null } } })],
    [
      'join another fleet',
      'n1',
      patch('node', 'n1', { metadata: { labels: { 'upgrade.openeuler.org/node-selector': 'x' } } }),
    ],
    [
      'change annotations of others',
      'n1',
      patch('node', 'n1', { metadata: { annotations: { owner: null } } }),
    ],
    [
      'hold a node by a finalizer',
      'n1',
      patch('node', 'n1', { metadata: { finalizers: ['example.com/hold'] } }),
    ],
    [
      'speak for another node by the label of its OSInstance',
      'n1',
      patch('osinstance', 'n1', {
        metadata: { labels: { 'upgrade.openeuler.org/osinstance-node': 'n2' } },
      }),
    ],
  ]
  for (const [title, boundTo, args] of cases)
    test(
      `does not let a proxy ${title}`,
      () => {
        const answer = as('upgrade-proxy', boundTo)(args)
        expect(answer).toMatch(/refused: .*ValidatingAdmissionPolicy 'kubenest-[\w-]+' .*denied/s)
      },
      LIMIT_MS,
    )

  test(
    'does not let a proxy write the status of another node',
    async () => {
      const token = tokenOf('upgrade-proxy', 'n1')
      const answer = await patchStatus(token, 'osinstances/n2', { agentVersion: 'x' })
      expect(answer).toMatch(/refused: .*a proxy may change only its own node/)
    },
    LIMIT_MS,
  )

  test(
    'does not let a proxy make an OSInstance in another namespace',
    () => {
      const foreign = JSON.stringify(instance('n1', { namespace: 'upgrade-system' }))
      const answer = as('upgrade-proxy', 'n1')(['create', '-f', '-'], foreign)
      expect(answer).toContain('a proxy may change only the OSInstance of its own node')
    },
    LIMIT_MS,
  )
})

describe('admission of the operator', () => {
  test(
    'lets the operator claim, label, assign, and uncordon',
    async () => {
      const operator = as('upgrade-operator')
      lab.kubectl(patch('node', 'n2', cordon))
      for (const answer of [
        operator(
          patch('os', 'os-sample', { metadata: { annotations: { 'kubenest.io/claims': '[]' } } }),
        ),
        await patchStatus(tokenOf('upgrade-operator'), 'os/os-sample', { nodes: 1 }),
        operator(
          patch('node', 'n2', { metadata: { labels: { 'upgrade.openeuler.org/serial': '' } } }),
        ),
        operator(
          patch('node', 'n2', {
            metadata: { annotations: { 'kubenest.io/cordoned-by': null } },
            spec: { unschedulable: null },
          }),
        ),
        operator(patch('osinstance', 'n2', { spec: { nodestatus: 'upgrade' } })),
      ])
        expect(answer).toContain('patched')
    },
    LIMIT_MS,
  )

  const cases: [string, string[]][] = [
    ['change what was asked for', patch('os', 'os-sample', { spec: { osversion: 'KubeOS v9' } })],
    [
      'change annotations of others on an OS object',
      patch('os', 'os-sample', { metadata: { annotations: { owner: 'x' } } }),
    ],
    ['remove taints of a node', patch('node', 'n1', { spec: { taints: null } })],
  ]
  for (const [title, args] of cases)
    test(
      `does not let the operator ${title}`,
      () => {
        const answer = as('upgrade-operator')(args)
        expect(answer).toMatch(/refused: .*ValidatingAdmissionPolicy 'kubenest-[\w-]+' .*denied/s)
      },
      LIMIT_MS,
    )
})
