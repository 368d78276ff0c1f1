// Cordon with an owner's mark (decision 8, I18). Mark and `unschedulable` are set and removed by
// one conditional write each, so that no crash leaves one without the other and no admin's cordon
// looks ours.
import type { Node } from '@kubenest/api/core/objects'
import { NODE_ANNOTATIONS } from '@kubenest/api/os/names'
import { OsError, isOsError } from '@kubenest/base/errors'
import type { KubeClient } from '../client/kube-client.ts'
import { NODES } from '../client/resources.ts'

const CONFLICTS_MAX = 10

export interface CordonRequest {
  readonly node: string
  /** Written as the mark. */
  readonly operationId: string
  readonly signal?: AbortSignal
}

export interface UncordonRequest {
  readonly node: string
  /** Only the mark of this operation counts; absent: any mark of ours. */
  readonly operationId?: string
  readonly signal?: AbortSignal
}

/**
 * `ours`: unschedulable with our mark. `foreign`: somebody else had cordoned it; nothing was
 * written.
 */
export type CordonResult = 'ours' | 'foreign'

/** `uncordoned`: it was ours. `untouched`: not ours, gone, or already done. */
export type UncordonResult = 'uncordoned' | 'untouched'

/**
 * Makes a node unschedulable and marks it, unless somebody else already did. Idempotent; a mark of
 * an earlier operation of ours is taken over.
 *
 * @throws {OsError} kind `invalid`, code `kube-not-found`, when the node does not exist; request
 * errors.
 */
export async function cordonNode(
  client: KubeClient,
  request: CordonRequest,
): Promise<CordonResult> {
  const { node: name, operationId, signal } = request
  return await withFreshNode(client, name, signal, async (node) => {
    if (node === undefined) throw missingNode(name)
    const mark = markOf(node)
    const isUnschedulable = node.spec?.unschedulable === true
    if (isUnschedulable && mark === undefined) return 'foreign'
    if (isUnschedulable && mark === operationId) return 'ours'
    await patchNode(client, node, { mark: operationId, unschedulable: true }, signal)
    return 'ours'
  })
}

/**
 * Takes back our cordon and its mark. Idempotent; a mark left on a node that somebody made
 * schedulable is removed alone.
 *
 * @throws {OsError} request errors.
 */
export async function uncordonNode(
  client: KubeClient,
  request: UncordonRequest,
): Promise<UncordonResult> {
  const { node: name, operationId, signal } = request
  return await withFreshNode(client, name, signal, async (node) => {
    const mark = node === undefined ? undefined : markOf(node)
    if (node === undefined || mark === undefined) return 'untouched'
    if (operationId !== undefined && mark !== operationId) return 'untouched'
    await patchNode(client, node, { mark: null, unschedulable: null }, signal)
    return 'uncordoned'
  })
}

/** Operation id of our cordon; absent when the node is not cordoned by us. */
export function cordonedBy(node: Node): string | undefined {
  return node.spec?.unschedulable === true ? markOf(node) : undefined
}

function markOf(node: Node): string | undefined {
  return node.metadata.annotations?.[NODE_ANNOTATIONS.cordonedBy]
}

/** Reads and decides again after a conflict: kubelets write their nodes all the time. */
async function withFreshNode<R>(
  client: KubeClient,
  name: string,
  signal: AbortSignal | undefined,
  act: (node: Node | undefined) => Promise<R>,
): Promise<R> {
  for (let conflicts = 0; ; conflicts += 1) {
    const node = await client.get(NODES, { name }, signal === undefined ? {} : { signal })
    try {
      return await act(node)
    } catch (error) {
      if (!isOsError(error, 'kube-conflict') || conflicts >= CONFLICTS_MAX) throw error
    }
  }
}

async function patchNode(
  client: KubeClient,
  node: Node,
  change: { mark: string | null; unschedulable: true | null },
  signal: AbortSignal | undefined,
): Promise<void> {
  const body = {
    metadata: {
      resourceVersion: node.metadata.resourceVersion,
      annotations: { [NODE_ANNOTATIONS.cordonedBy]: change.mark },
    },
    spec: { unschedulable: change.unschedulable },
  }
  const options = signal === undefined ? {} : { signal }
  await client.patch(NODES, { name: node.metadata.name }, { type: 'merge', body }, options)
}

function missingNode(name: string): OsError {
  return new OsError('invalid', {
    code: 'kube-not-found',
    message: `Cannot cordon node ${name}: it does not exist`,
  })
}
