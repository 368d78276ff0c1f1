// Status of a light node and of its pods, as a kubelet reports them.
import type { Pod } from '@kubenest/api/core/objects'

/** What a Ready node says of itself. */
export function readyNodeStatus(
  node: { readonly node: string; readonly bootId: string; readonly osImage: string },
  now: string,
): object {
  return {
    nodeInfo: {
      machineID: node.node,
      systemUUID: node.node,
      bootID: node.bootId,
      kernelVersion: 'light',
      osImage: node.osImage,
      containerRuntimeVersion: 'light://1.0.0',
      kubeletVersion: 'v1.36.3',
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: 'amd64',
    },
    addresses: [{ type: 'Hostname', address: node.node }],
    capacity: { cpu: '1', memory: '1Gi', pods: '110' },
    allocatable: { cpu: '1', memory: '1Gi', pods: '110' },
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'KubeletReady',
        message: 'light kubelet is posting ready status',
        lastHeartbeatTime: now,
      },
    ],
  }
}

/** What a pod says of itself as soon as it runs. */
export function runningPodStatus(pod: Pod, now: string): object {
  const conditions = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: now,
  }))
  const containerStatuses = (pod.spec?.containers ?? []).map(({ name, image }) => ({
    name,
    image: image ?? '',
    imageID: '',
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: now } },
  }))
  return { phase: 'Running', startTime: now, conditions, containerStatuses }
}
