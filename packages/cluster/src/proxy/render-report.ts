// The node as the API server sees it, for the agent's health gate (decision 19).
import type { ReportParams } from '@kubenest/api/agent/rpc'
import type { Facts } from './facts.ts'
import { bootIdOf } from './subject.ts'

/**
 * `undefined` until the kubelet has reported this very boot: an older word would be a wrong one.
 */
export function renderReport({ node, agent }: Facts): ReportParams | undefined {
  if (node === undefined || agent.state !== 'described') return undefined
  if (bootIdOf(node) !== agent.status.bootId) return undefined
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready')
  if (ready === undefined) return undefined
  return {
    ready: ready.status === 'True',
    ...(ready.reason === undefined ? {} : { reason: ready.reason }),
    ...(ready.message === undefined ? {} : { message: ready.message }),
  }
}
