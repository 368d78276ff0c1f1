// A copy of plain data: several times faster than structuredClone, which a simulator calls for
// every event of every watch.

/** Copies objects, arrays and plain values; members that are `undefined` are left out. */
export function cloneJson<T>(value: T): T {
  return copy(value) as T
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copy)
  const result: Record<string, unknown> = {}
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key]
    if (member !== undefined) result[key] = copy(member)
  }
  return result
}
