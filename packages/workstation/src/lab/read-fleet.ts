// Reads what a fleet view is made of: the API server's objects and the lab's own record.
import type { KubeObject } from '@kubenest/api/core/objects'
import { createFetchClient } from '@kubenest/kube/client/fetch-client'
import type { KubeClient, Resource } from '@kubenest/kube/client/kube-client'
import { loadKubeConfig } from '@kubenest/kube/client/load-config'
import { NODES, OS_INSTANCES, OSES } from '@kubenest/kube/client/resources'
import { type FleetView, viewFleet } from './fleet-view.ts'
import type { LabPaths } from './lab-paths.ts'
import { readLabRecord } from './lab-record.ts'

/** A client with the lab's admin certificate. */
export async function labClient(paths: LabPaths): Promise<KubeClient> {
  return createFetchClient(await loadKubeConfig({ env: {}, kubeconfigPath: paths.kubeconfig }))
}

/** Reads the fleet once. */
export async function readFleet(client: KubeClient, paths: LabPaths): Promise<FleetView> {
  const [record, nodes, instances, oses] = await Promise.all([
    readLabRecord(paths.record),
    listAll(client, NODES),
    listAll(client, OS_INSTANCES),
    listAll(client, OSES),
  ])
  const power = record?.nodes ?? []
  return viewFleet({ nodes, instances, oses, power })
}

/** A lab has few objects: one page holds them all. */
async function listAll<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
): Promise<T[]> {
  return (await client.list(resource, { limit: 500 })).items
}
