// Which pods a drain evicts, leaves alone or must not touch (contract 3.5, table; X6). Pure.
import type { Pod } from '@kubenest/api/core/objects'

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror'

/** What the drain may do. */
export interface DrainPolicy {
  /** The documented `evictpodforce`. */
  readonly force: boolean
  /**
   * Our own proxy pod: it drains the node, so it is left alone. A bare name matches in any
   * namespace.
   */
  readonly ownPodName?: string
}

/** What becomes of one pod. */
export type PodClass =
  | { readonly action: 'evict' }
  /** It terminates already; its end is waited for. */
  | { readonly action: 'wait' }
  | { readonly action: 'skip' }
  | { readonly action: 'refuse'; readonly reason: string }

/** Classifies a pod; the first rule that says "no" wins. */
export function classifyPod(pod: Pod, policy: DrainPolicy): PodClass {
  const isFinished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
  if (isDaemonPod(pod) && !isFinished) {
    if (policy.force || isOwnPod(pod, policy.ownPodName)) return { action: 'skip' }
    return refuse('it belongs to a DaemonSet, which would start it again')
  }
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) return { action: 'skip' }
  if (pod.metadata.deletionTimestamp !== undefined) return { action: 'wait' }
  if (isFinished || policy.force) return { action: 'evict' }
  if (pod.spec?.volumes?.some((volume) => volume.emptyDir !== undefined) === true)
    return refuse('it has local storage (emptyDir), which would be lost')
  if ((pod.metadata.ownerReferences ?? []).length === 0)
    return refuse('no controller owns it, so it would not come back')
  return { action: 'evict' }
}

function isDaemonPod(pod: Pod): boolean {
  const owners = pod.metadata.ownerReferences ?? []
  return owners.some((owner) => owner.controller === true && owner.kind === 'DaemonSet')
}

function isOwnPod(pod: Pod, ownPodName: string | undefined): boolean {
  if (ownPodName === undefined) return false
  const { name, namespace } = pod.metadata
  return ownPodName === name || ownPodName === `${namespace ?? ''}/${name}`
}

function refuse(why: string): PodClass {
  return { action: 'refuse', reason: `${why}; set evictpodforce: true to go on` }
}
