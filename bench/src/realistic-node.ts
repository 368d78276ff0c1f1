// A Node object as a kubelet with 50 images reports it: about 12 KB. Everything an operator does
// not need is there, because a cache that keeps it would show in the figures.
import type { Node } from '@kubenest/api/core/objects'

const IMAGES = 50
const CONDITIONS = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready']

/** Node number `index`, running `version`. */
export function realisticNode(index: number, version: string): Node {
  const { metadata, status } = plainNode(index, version)
  // Fields that our types leave out because nothing reads them.
  const unread = { images: images(index), capacity: capacity(), allocatable: capacity() }
  return { metadata, status: { ...status, ...unread } }
}

/** The same node without what only its size needs. */
export function plainNode(index: number, version: string): Node {
  const name = nodeName(index)
  const at = '2026-11-01T08:00:00Z'
  return {
    metadata: {
      name,
      labels: {
        'beta.kubernetes.io/arch': 'amd64',
        'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'node.kubernetes.io/instance-type': 'c7.2xlarge',
        'topology.kubernetes.io/region': 'region-1',
        'topology.kubernetes.io/zone': `region-1-${index % 3}`,
      },
      annotations: {
        'node.alpha.kubernetes.io/ttl': '0',
        'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
        'csi.volume.kubernetes.io/nodeid': JSON.stringify({ 'disk.csi': `i-${hex(index, 17)}` }),
      },
    },
    status: {
      nodeInfo: nodeInfo(index, version),
      conditions: CONDITIONS.map((type) => ({
        type,
        status: type === 'Ready' ? 'True' : 'False',
        lastHeartbeatTime: at,
        lastTransitionTime: at,
        reason: `Kubelet${type}`,
        message: `kubelet has looked at ${type} and found nothing that would stand in the way`,
      })),
      addresses: [
        { type: 'InternalIP', address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}` },
        { type: 'Hostname', address: name },
      ],
    },
  }
}

/** Name of node number `index`. */
export function nodeName(index: number): string {
  return `node-${String(index).padStart(4, '0')}.region-1.example.internal`
}

function nodeInfo(index: number, version: string) {
  return {
    osImage: version,
    bootID: crypto.randomUUID(),
    machineID: hex(index, 32),
    systemUUID: crypto.randomUUID(),
    architecture: 'amd64',
    kubeletVersion: 'v1.36.3',
    kubeProxyVersion: '',
    kernelVersion: '6.6.0-72.0.0.76.oe2403.x86_64',
    containerRuntimeVersion: 'containerd://1.6.22',
    operatingSystem: 'linux',
  }
}

function images(index: number) {
  return Array.from({ length: IMAGES }, (_, at) => {
    const repository = `registry.example.internal/team-${at % 7}/service-${at}`
    return {
      names: [
        `${repository}@sha256:${hex(index * IMAGES + at, 64)}`,
        `${repository}:v1.${at}.${index % 10}`,
      ],
      sizeBytes: 50_000_000 + at * 1_000_003,
    }
  })
}

function capacity() {
  return { cpu: '8', memory: '32774360Ki', pods: '110', 'ephemeral-storage': '103080888Ki' }
}

function hex(seed: number, length: number): string {
  return new Bun.CryptoHasher('sha256').update(`${seed}`).digest('hex').slice(0, length)
}
