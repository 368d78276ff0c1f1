// Standard conditions: one entry per type, whose time says when its status last changed.
import type { Condition } from '@kubenest/api/core/objects'

/** A condition as its writer knows it; the time is kept here. */
export type NewCondition = Omit<Condition, 'lastTransitionTime'>

/**
 * The list with this condition set. Pure; the order of other entries is kept.
 *
 * @param nowIso - RFC 3339 time, used when the status changes
 * @returns the same list object when nothing changes, so that callers can skip the write
 */
export function setCondition(
  list: readonly Condition[],
  condition: NewCondition,
  nowIso: string,
): readonly Condition[] {
  const old = list.find((entry) => entry.type === condition.type)
  if (old === undefined) return [...list, { ...condition, lastTransitionTime: nowIso }]
  if (isSame(old, condition)) return list
  const lastTransitionTime = old.status === condition.status ? old.lastTransitionTime : nowIso
  return list.map((entry) => (entry === old ? { ...condition, lastTransitionTime } : entry))
}

/** The condition of that type, if any. */
export function findCondition(
  list: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return list?.find((entry) => entry.type === type)
}

function isSame(old: Condition, condition: NewCondition): boolean {
  return (
    old.status === condition.status &&
    old.reason === condition.reason &&
    old.message === condition.message &&
    old.observedGeneration === condition.observedGeneration
  )
}
