// Who may do what at the fake API server.

/** One request as rules and faults see it. */
export interface FakeRequest {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete'
  readonly group: string
  /** Plural, with `/subresource` where there is one. */
  readonly resource: string
  readonly name?: string
  readonly namespace?: string
  /** Who asks. */
  readonly identity: string
}

/** Says whether a request is allowed. */
export type FakeRules = (request: FakeRequest) => boolean

const OS_VERBS = 'create delete get list patch update watch'

/** The ClusterRole that users of the documented system have (contract 1.8). */
const DOCUMENTED: Readonly<Record<string, string>> = {
  '/nodes': 'get list patch update watch',
  '/pods': 'get list',
  '/pods/eviction': 'create',
  'apps/daemonsets': 'delete get',
  'upgrade.openeuler.org/os': OS_VERBS,
  'upgrade.openeuler.org/os/status': 'get patch update',
  'upgrade.openeuler.org/osinstances': OS_VERBS,
  'upgrade.openeuler.org/osinstances/status': 'get patch update',
}

/** Rules of the documented ClusterRole: no events, leases, budgets, and no watch on pods. */
export function documentedRules(request: FakeRequest): boolean {
  const verbs = DOCUMENTED[`${request.group}/${request.resource}`] ?? ''
  return verbs.split(' ').includes(request.verb)
}
