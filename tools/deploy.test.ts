import { describe, expect, test } from 'bun:test'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { REPOSITORY } from './repository.ts'

interface Rule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
}
interface Manifest {
  kind: string
  metadata: { name: string; namespace?: string }
  rules?: Rule[]
  spec?: { template: { spec: PodSpec } }
}
interface Policy {
  failurePolicy: string
  matchConditions: { expression: string }[]
}
interface PodSpec {
  containers: { command: string[]; resources?: object; env?: { name: string }[] }[]
  serviceAccountName?: string
}

async function manifests(folder: string): Promise<Manifest[]> {
  const place = path.join(REPOSITORY, 'deploy', folder)
  const { resources } = (await parse(path.join(place, 'kustomization.yaml')))[0] as unknown as {
    resources: string[]
  }
  const files = resources.filter((name) => name.endsWith('.yaml'))
  return (await Promise.all(files.map((name) => parse(path.join(place, name))))).flat()
}

async function parse(file: string): Promise<Manifest[]> {
  return parseAllDocuments(await Bun.file(file).text()).map((each) => each.toJS() as Manifest)
}

function rights(manifest: Manifest | undefined): string[] {
  return (manifest?.rules ?? []).flatMap(({ apiGroups, resources, verbs }) =>
    resources.map((name) => `${apiGroups.join()}/${name} ${verbs.toSorted().join(' ')}`),
  )
}

const named = (list: Manifest[], kind: string, name: string) =>
  list.find((each) => each.kind === kind && each.metadata.name === name)

describe('deploy/compat', () => {
  test('grants what the documented manifests grant, no more and no less', async () => {
    const role = named(await manifests('compat'), 'ClusterRole', 'upgrade-manager-role')
    expect(rights(role).toSorted()).toEqual([
      '/nodes get list patch update watch',
      '/pods get list',
      '/pods/eviction create',
      'apps/daemonsets delete get',
      'upgrade.openeuler.org/os create delete get list patch update watch',
      'upgrade.openeuler.org/os/finalizers update',
      'upgrade.openeuler.org/os/status get patch update',
      'upgrade.openeuler.org/osinstances create delete get list patch update watch',
      'upgrade.openeuler.org/osinstances/finalizers update',
      'upgrade.openeuler.org/osinstances/status get patch update',
    ])
  })

  test('keeps names, commands and limits of the documented workloads', async () => {
    const list = await manifests('compat')
    const operator = named(list, 'Deployment', 'upgrade-operator')?.spec?.template.spec
    const proxy = named(list, 'DaemonSet', 'upgrade-proxy')?.spec?.template.spec
    expect(operator?.containers[0]).toMatchObject({
      name: 'operator',
      command: ['/operator'],
      resources: {
        limits: { cpu: '100m', memory: '30Mi' },
        requests: { cpu: '100m', memory: '20Mi' },
      },
      securityContext: { allowPrivilegeEscalation: false, runAsUser: 6552, runAsGroup: 6552 },
    })
    expect(proxy?.containers[0]).toMatchObject({ name: 'proxy', command: ['/proxy'] })
    expect(proxy).not.toHaveProperty('tolerations')
    for (const spec of [operator, proxy]) expect(spec).not.toHaveProperty('serviceAccountName')
  })
})

describe('deploy/kustomize', () => {
  test('gives each component its own account and nothing that could take over a cluster', async () => {
    const list = await manifests('kustomize')
    const roles = list.filter(({ kind }) => kind.endsWith('Role'))
    expect(roles.length).toBe(3)
    const all = roles.flatMap(rights).join('\n')
    for (const word of [
      '*',
      'secrets',
      'exec',
      'daemonsets',
      'roles',
      'impersonate',
      '/pods create',
    ])
      expect(all).not.toContain(word)
    const operator = rights(named(list, 'ClusterRole', 'kubenest-operator'))
    expect(operator.join()).not.toContain('eviction')
    const accounts = ['Deployment', 'DaemonSet'].map(
      (kind) => list.find((each) => each.kind === kind)?.spec?.template.spec.serviceAccountName,
    )
    expect(accounts).toEqual(['upgrade-operator', 'upgrade-proxy'])
  })

  test('names the accounts of the workloads in every policy, and every policy denies', async () => {
    const list = await manifests('kustomize')
    const account = (name: string) => `system:serviceaccount:upgrade-system:${name}`
    const accounts = ['upgrade-operator', 'upgrade-proxy'].map(account)
    const policies = list.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy')
    expect(policies).toHaveLength(3)
    for (const { metadata, spec } of policies) {
      const { failurePolicy, matchConditions } = spec as unknown as Policy
      expect(failurePolicy).toBe('Fail')
      const found = matchConditions[0]?.expression.match(/system:[\w:-]+/g) ?? []
      expect(found.length).toBeGreaterThan(0)
      for (const name of found) expect(accounts).toContain(name)
      const binding: { spec?: object } | undefined = named(
        list,
        'ValidatingAdmissionPolicyBinding',
        metadata.name,
      )
      expect(binding?.spec).toEqual({ policyName: metadata.name, validationActions: ['Deny'] })
    }
  })

  test('drops every capability, keeps the root read-only and leaves room for the page cache', async () => {
    const list = await manifests('kustomize')
    const containers = list.flatMap((each) => each.spec?.template?.spec.containers ?? [])
    expect(containers).toHaveLength(2)
    for (const container of containers)
      expect(container).toMatchObject({
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        resources: { requests: { memory: '32Mi' }, limits: { memory: '96Mi' } },
      })
    expect(containers[1]?.env?.map(({ name }) => name)).toContain('BUN_JSC_useDFGJIT')
  })
})
