// Puts a fleet and OS objects into the API server.
import type { Os, OsInstance } from '@kubenest/api/os/os'
import { LABELS } from '@kubenest/api/os/names'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { NODES, OS_INSTANCES, OSES } from '@kubenest/kube/client/resources'
import { nodeName, plainNode, realisticNode } from './realistic-node.ts'

const AT_ONCE = 24
/** Where the OS objects of the benches live. */
export const OS_REF = { name: 'fleet', namespace: 'default' } as const

/** `realistic`: with the 50 images that make a Node object 12 KB. */
export type NodeSize = 'plain' | 'realistic'

/** Makes `count` nodes of version `v1` with their OSInstances. */
export async function createFleet(
  client: KubeClient,
  count: number,
  size: NodeSize,
): Promise<void> {
  const make = size === 'plain' ? plainNode : realisticNode
  const left = Array.from({ length: count }, (_, index) => index).values()
  const worker = async () => {
    for (const index of left) {
      await client.create(NODES, make(index, 'v1'))
      await client.create(OS_INSTANCES, idleInstance(nodeName(index)))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** As a proxy creates it. */
function idleInstance(name: string): OsInstance {
  return {
    metadata: { name, namespace: 'default', labels: { [LABELS.osInstanceNode]: name } },
    spec: { nodestatus: 'idle' },
  }
}

/** The OS object of the documents, parallel over all nodes. */
export async function applyOs(client: KubeClient, version: string, cap: number): Promise<void> {
  const os: Os = {
    metadata: OS_REF,
    spec: {
      opstype: 'upgrade',
      osversion: version,
      imagetype: 'disk',
      imageurl: 'http://images.example.internal/root.img',
      checksum: '0'.repeat(64),
      flagSafe: true,
      mtls: false,
      cacert: '',
      clientcert: '',
      clientkey: '',
      containerimage: '',
      evictpodforce: true,
      maxunavailable: cap,
      timeinterval: 15,
      nodeselector: 'all-label',
      executionmode: 'parallel',
    },
  }
  await client.create(OSES, os)
}
