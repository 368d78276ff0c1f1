// What stands in the way of a drain, by name, for people: pod, and budget where it can be known.
import type { Pod, PodDisruptionBudget } from '@kubenest/api/core/objects'
import type { KubeClient } from '../client/kube-client.ts'
import { BUDGETS } from '../client/resources.ts'

/** Why a pod is still there. */
export type BlockReason = 'refused' | 'budget' | 'error' | 'forbidden' | 'terminating'

/** One pod that blocks. */
export interface DrainBlocker {
  readonly namespace: string
  readonly name: string
  readonly reason: BlockReason
  readonly message: string
  /** Name of the disruption budget that forbids the eviction, when known. */
  readonly budget?: string
}

/** `namespace/name (budget b): message`, for conditions. */
export function renderBlocker(blocker: DrainBlocker): string {
  const budget = blocker.budget === undefined ? '' : ` (budget ${blocker.budget})`
  return `pod ${blocker.namespace}/${blocker.name}${budget}: ${blocker.message}`
}

/**
 * Makes the report of a refused or failing eviction, with its budget when the message or a list
 * names it.
 */
export async function describeBlocker(
  client: KubeClient,
  pod: Pod,
  reason: BlockReason,
  message: string,
  signal?: AbortSignal,
): Promise<DrainBlocker> {
  const { name, namespace = 'default' } = pod.metadata
  const budget =
    reason === 'budget' || reason === 'error'
      ? (budgetInMessage(message) ?? (await findBudgets(client, pod, signal)))
      : undefined
  return { namespace, name, reason, message, ...(budget === undefined ? {} : { budget }) }
}

/** The name in the API server's words `The disruption budget NAME needs 2 healthy pods …`. */
export function budgetInMessage(message: string): string | undefined {
  return /disruption budget ([a-z0-9][-a-z0-9.]*) (?:needs|is|does)\b/i.exec(message)?.[1]
}

/** Names of the budgets that select the pod; nothing where listing them is not allowed. */
async function findBudgets(
  client: KubeClient,
  pod: Pod,
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    const page = await client.list(BUDGETS, {
      namespace: pod.metadata.namespace ?? 'default',
      limit: 500,
      ...(signal === undefined ? {} : { signal }),
    })
    const names = page.items.filter((budget) => selects(budget, pod)).map((b) => b.metadata.name)
    return names.length === 0 ? undefined : names.join(', ')
  } catch {
    // The documented RBAC does not grant it, and a report without the name is still a report.
    return undefined
  }
}

/** Whether a budget's label selector matches the pod; an empty selector matches every pod. */
export function selects(budget: PodDisruptionBudget, pod: Pod): boolean {
  const selector = budget.spec?.selector
  if (selector === undefined) return false
  const labels = pod.metadata.labels ?? {}
  const areEqual = Object.entries(selector.matchLabels ?? {}).every(
    ([key, value]) => labels[key] === value,
  )
  return areEqual && (selector.matchExpressions ?? []).every((term) => matches(term, labels))
}

function matches(
  term: { key: string; operator: string; values?: string[] },
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[term.key]
  const isIn = value !== undefined && (term.values ?? []).includes(value)
  switch (term.operator) {
    case 'In':
      return isIn
    case 'NotIn':
      return !isIn
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    default:
      return false
  }
}
