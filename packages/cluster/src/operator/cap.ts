// How many nodes may be out at once. Pure.

/**
 * The cap over `total` nodes; a problem when the wish is nonsense. A percentage is rounded down,
 * but never to none.
 */
export function cap(wish: number | string, total: number): { limit: number } | { problem: string } {
  if (typeof wish === 'number') {
    if (!Number.isInteger(wish)) return { problem: 'must be a whole number' }
    if (wish <= 0) return { problem: 'lets nothing start; set it to 1 or more' }
    return { limit: Math.min(wish, total) }
  }
  const match = /^(100|[1-9]?[0-9])%$/.exec(wish)
  if (match === null) return { problem: 'must be a number of nodes, or a percentage such as "25%"' }
  const percent = Number(match[1])
  if (percent === 0) return { problem: 'lets nothing start; set it to 1% or more' }
  return { limit: Math.min(total, Math.max(1, Math.floor((total * percent) / 100))) }
}
