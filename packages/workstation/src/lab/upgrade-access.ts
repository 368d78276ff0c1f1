// The access rights that users of the documented system have given to operator and proxy (contract
// 1.8). A lab grants nothing more, so that it shows what works for them.

const OS_VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'] as const
const STATUS_VERBS = ['get', 'patch', 'update'] as const

/** Namespace, role and binding, as one document. JSON is YAML. */
export function renderUpgradeAccess(): string {
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  const roleName = 'upgrade-manager-role'
  const group = 'upgrade.openeuler.org'
  const rule = (apiGroup: string, resources: string[], verbs: readonly string[]) => ({
    apiGroups: [apiGroup],
    resources,
    verbs,
  })
  const rules = [
    rule('', ['nodes'], ['get', 'list', 'patch', 'update', 'watch']),
    rule('', ['pods'], ['get', 'list']),
    rule('', ['pods/eviction'], ['create']),
    rule('apps', ['daemonsets'], ['delete', 'get']),
    rule(group, ['os', 'osinstances'], OS_VERBS),
    rule(group, ['os/finalizers', 'osinstances/finalizers'], ['update']),
    rule(group, ['os/status', 'osinstances/status'], STATUS_VERBS),
  ]
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'upgrade-system' } },
      { apiVersion, kind: 'ClusterRole', metadata: { name: roleName }, rules },
      {
        apiVersion,
        kind: 'ClusterRoleBinding',
        metadata: { name: 'upgrade-manager-rolebinding' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: roleName },
        subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'upgrade-system' }],
      },
    ],
  })
}
