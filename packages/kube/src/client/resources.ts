// The kinds this product touches.
import type { Event, Lease, Node, Pod, PodDisruptionBudget } from '@kubenest/api/core/objects'
import { OS_GROUP, OS_VERSION } from '@kubenest/api/os/names'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { Resource } from './kube-client.ts'

export const NODES: Resource<Node> = {
  group: '',
  version: 'v1',
  plural: 'nodes',
  kind: 'Node',
  namespaced: false,
}
export const PODS: Resource<Pod> = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
}
export const EVENTS: Resource<Event> = {
  group: '',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
}
export const LEASES: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
}
export const BUDGETS: Resource<PodDisruptionBudget> = {
  group: 'policy',
  version: 'v1',
  plural: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  namespaced: true,
}
export const OSES: Resource<Os> = {
  group: OS_GROUP,
  version: OS_VERSION,
  plural: 'os',
  kind: 'OS',
  namespaced: true,
}
export const OS_INSTANCES: Resource<OsInstance> = {
  group: OS_GROUP,
  version: OS_VERSION,
  plural: 'osinstances',
  kind: 'OSInstance',
  namespaced: true,
}
