// One copy of each repeated string. Thousands of nodes carry the same label values; parsed JSON
// holds a copy for each of them (runtime notes 3.10).
import type { KubeObject } from '@kubenest/api/core/objects'

const POOL_MAX = 10_000

/** Replaces label values of objects by shared copies, in place. */
export function createInterner(): (object: KubeObject) => void {
  const pool = new Map<string, string>()
  return ({ metadata: { labels } }) => {
    if (labels === undefined) return
    // Values come and go; a pool that only grows would be a leak.
    if (pool.size > POOL_MAX) pool.clear()
    for (const [key, value] of Object.entries(labels)) {
      const shared = pool.get(value)
      if (shared === undefined) pool.set(value, value)
      else labels[key] = shared
    }
  }
}
