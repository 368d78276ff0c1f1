// What the proxy needs of a drain, on kube/drain: sentences for the status, errors for the
// deadline.
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { renderBlocker, type DrainBlocker } from '@kubenest/kube/drain/blockers'
import {
  drainNode,
  dryRunEvictions,
  findRefusals,
  type DrainProgress,
} from '@kubenest/kube/drain/drain-node'

/** Which node, and which pods may be evicted. */
export interface DrainRequest {
  readonly nodeName: string
  /** `evictpodforce`: widens which pods are evicted or ignored (contract 3.5). */
  readonly force: boolean
  readonly signal: AbortSignal
}

export interface Drainer {
  /**
   * What would block, as sentences with pod and budget; empty when nothing would. Changes nothing.
   */
  findBlockers(request: DrainRequest & { readonly dryRun: boolean }): Promise<readonly string[]>
  /** Resolves when no pod is left that has to go; rejects with what is still there. */
  drain(
    request: DrainRequest & {
      readonly operationId: string
      /** From now, milliseconds. */
      readonly limitMs: number
      readonly onProgress: (message: string) => void
    },
  ): Promise<void>
}

export interface DrainerOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
  /** Our own pod, which a DaemonSet owns, is left alone (X6). */
  readonly ownPodName: string | undefined
}

export function createDrainer(options: DrainerOptions): Drainer {
  const { client, clock, log, ownPodName } = options
  const policyOf = (request: DrainRequest) => ({
    node: request.nodeName,
    force: request.force,
    signal: request.signal,
    ...(ownPodName === undefined ? {} : { ownPodName }),
  })
  return {
    async findBlockers(request) {
      const look = request.dryRun ? dryRunEvictions : findRefusals
      return (await look(client, policyOf(request))).map(renderBlocker)
    },
    async drain(request) {
      const result = await drainNode(
        { client, clock, log },
        {
          ...policyOf(request),
          operationId: request.operationId,
          deadlineMs: request.limitMs,
          onProgress: (progress) => request.onProgress(renderProgress(progress)),
        },
      )
      if (result.outcome === 'drained') return
      const why = result.outcome === 'timedOut' ? result.error : undefined
      throw drainError(result.outcome, why ?? renderBlockers(result.blockers))
    },
  }
}

function renderProgress({ left, blockers }: DrainProgress): string {
  const still = `${left} pod${left === 1 ? '' : 's'} still to go`
  return blockers.length === 0 ? still : `${still}: ${renderBlockers(blockers)}`
}

function renderBlockers(blockers: readonly DrainBlocker[]): string {
  return blockers.length === 0 ? 'pods are still there' : blockers.map(renderBlocker).join('; ')
}

/** Repeated until the deadline, so never final by its kind. */
function drainError(outcome: 'refused' | 'timedOut', why: string): OsError {
  const code = outcome === 'refused' ? 'drain-refused' : 'drain-timed-out'
  return new OsError('transient', { code, message: `Cannot drain: ${why}` })
}
