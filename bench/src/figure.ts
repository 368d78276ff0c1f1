// What a bench hands back: measured figures beside their limits, printed as ratios and as rows of
// the table in docs/en/performance.md.

/** One measured value. Limits are printed, never asserted: a busy machine is no defect. */
export interface Figure {
  readonly what: string
  readonly value: number
  /** Upper limit; absent for figures that only explain. */
  readonly limit?: number
  readonly unit: 'MB' | 's' | 'ms' | 'x' | 'writes' | 'nodes' | 'times'
}

/** A bench: its name on the command line, what it shows, how it is run. */
export interface Bench {
  readonly name: string
  readonly run: (context: BenchContext) => Promise<readonly Figure[]>
}

/** What every bench gets. */
export interface BenchContext {
  /** Folder with the built programs. */
  readonly dist: string
  /** A folder on a real disk for this bench alone, removed afterwards. */
  readonly folder: string
  readonly say: (line: string) => void
}

/** One line with the ratio of value to limit. */
export function renderFigure({ what, value, limit, unit }: Figure): string {
  const shown = `${what}: ${short(value)} ${unit}`
  return limit === undefined
    ? shown
    : `${shown}, limit ${limit} ${unit}${limit === 0 ? '' : `, ratio ${short(value / limit)}`}`
}

/** Rows of a Markdown table. */
export function renderTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, value, limit, unit }) => {
    const bound = limit === undefined ? '–' : `≤ ${limit} ${unit}`
    return `| ${what} | ${short(value)} ${unit} | ${bound} |`
  })
  return ['| What | Measured | Limit |', '| --- | --- | --- |', ...rows].join('\n')
}

/** Middle value; the lower one of two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}
