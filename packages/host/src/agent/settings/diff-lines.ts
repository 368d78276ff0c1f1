// Which lines of a text go and which come: a longest common subsequence. Pure.

/** A line of both texts; a common one has the text of the first. */
export interface DiffLine {
  readonly sign: '-' | '+' | ' '
  readonly text: string
}

/** Cells of the table, beyond which the middle counts as changed as a whole. */
const CELLS_MAX = 4_000_000

/** Compares two lists of lines by `keyOf`. */
export function diffLines(
  before: readonly string[],
  after: readonly string[],
  keyOf: (line: string) => string = (line) => line,
): DiffLine[] {
  const left = before.map(keyOf)
  const right = after.map(keyOf)
  let start = 0
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1
  let end = 0
  const room = Math.min(left.length, right.length) - start
  while (end < room && left.at(-1 - end) === right.at(-1 - end)) end += 1
  const common = (text: string): DiffLine => ({ sign: ' ', text })
  return [
    ...before.slice(0, start).map(common),
    ...diffMiddle(
      { texts: before.slice(start, before.length - end), keys: left.slice(start) },
      { texts: after.slice(start, after.length - end), keys: right.slice(start) },
    ),
    ...before.slice(before.length - end).map(common),
  ]
}

interface Side {
  readonly texts: readonly string[]
  readonly keys: readonly string[]
}

function diffMiddle(left: Side, right: Side): DiffLine[] {
  const rows = left.texts.length
  const columns = right.texts.length
  const width = columns + 1
  const isComparable = (rows + 1) * width <= CELLS_MAX
  // lengths[i, j]: the longest common subsequence of what follows i and j.
  const lengths = new Uint32Array(isComparable ? (rows + 1) * width : 0)
  const at = (i: number, j: number) => lengths[i * width + j] ?? 0
  const isSame = (i: number, j: number) => isComparable && left.keys[i] === right.keys[j]
  if (isComparable)
    for (let i = rows - 1; i >= 0; i -= 1)
      for (let j = columns - 1; j >= 0; j -= 1)
        lengths[i * width + j] = isSame(i, j)
          ? at(i + 1, j + 1) + 1
          : Math.max(at(i + 1, j), at(i, j + 1))
  const lines: DiffLine[] = []
  let i = 0
  let j = 0
  while (i < rows || j < columns) {
    if (i < rows && j < columns && isSame(i, j)) {
      lines.push({ sign: ' ', text: left.texts[i] ?? '' })
      i += 1
      j += 1
    } else if (i < rows && (j >= columns || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ sign: '-', text: left.texts[i] ?? '' })
      i += 1
    } else {
      lines.push({ sign: '+', text: right.texts[j] ?? '' })
      j += 1
    }
  }
  return lines
}
