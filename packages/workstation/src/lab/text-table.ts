// Columns of text, as kubectl prints them.

/**
 * Lines of a table: each column as wide as its widest cell, three spaces between, none at the end.
 */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all.map((row) =>
    widths
      .map((width, column) => (row[column] ?? '').padEnd(width))
      .join('   ')
      .trimEnd(),
  )
}
