// The documented key that a misspelt one was probably meant to be.

const DISTANCE_MAX = 3

/** The closest of `known` by edit distance, `undefined` when nothing is close. */
export function nearestKey(key: string, known: readonly string[]): string | undefined {
  let best: { name: string; distance: number } | undefined
  for (const name of known) {
    const distance = editDistance(key.toLowerCase().replaceAll('-', '_'), name)
    if (distance <= DISTANCE_MAX && distance < name.length && distance < (best?.distance ?? 99))
      best = { name, distance }
  }
  return best?.name
}

function editDistance(from: string, to: string): number {
  const short = from.slice(0, 64)
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, letter] of Array.from(short).entries()) {
    const next = [index + 1]
    for (let column = 1; column <= to.length; column++) {
      const replace = (row[column - 1] ?? 0) + (letter === to[column - 1] ? 0 : 1)
      next.push(Math.min(replace, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
