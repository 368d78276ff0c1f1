// `make ok` and `make test`: checks and suites, each counted, one closing line `N passed, N
// failed`. Usage: bun tools/test.ts [checks|ok|component|kube|vm|prove]...   (default: all but
// prove, which takes hours)
import { CHECKS, runCheck } from './checks.ts'
import { REPOSITORY } from './repository.ts'
import { runTestFiles, type Tally } from './run-suite.ts'
import { SUITES, suiteFiles, suiteLimitMs } from './suites.ts'

const PARTS = ['checks', ...SUITES] as const
type Part = (typeof PARTS)[number]

interface Row extends Tally {
  readonly part: Part
  readonly seconds: number
}

/** The lines under a run: one per part, then the total, always last. */
export function renderClosing(rows: readonly Row[]): string {
  const sum = (key: 'passed' | 'failed' | 'skipped') =>
    rows.reduce((total, row) => total + row[key], 0)
  const lines = rows.map(
    (row) =>
      `${row.part.padEnd(10)} ${row.passed} passed, ${row.failed} failed, ` +
      `${row.skipped} skipped, ${row.seconds.toFixed(0)} s`,
  )
  return [...lines, `${sum('passed')} passed, ${sum('failed')} failed`].join('\n')
}

/**
 * Reads the words of the command line.
 *
 * @throws when a word names no part.
 */
export function chooseParts(words: readonly string[]): readonly Part[] {
  for (const word of words)
    if (!PARTS.some((part) => part === word))
      throw new Error(`Cannot run "${word}": parts are ${PARTS.join(', ')}`)
  const isChosen = (part: Part) => (words.length === 0 ? part !== 'prove' : words.includes(part))
  return PARTS.filter(isChosen)
}

async function runPart(part: Part): Promise<Tally> {
  if (part === 'checks') return await runChecks()
  const files = await suiteFiles(part)
  if (files.length > 0)
    return await runTestFiles(files, { cwd: REPOSITORY, limitMs: suiteLimitMs(part) })
  console.log(`SKIPPED: the suite ${part} has no tests yet`)
  return { passed: 0, failed: 0, skipped: 0 }
}

async function runChecks(): Promise<Tally> {
  let failed = 0
  for (const check of CHECKS) if (!(await runCheck(check))) failed++
  return { passed: CHECKS.length - failed, failed, skipped: 0 }
}

if (import.meta.main) {
  const rows: Row[] = []
  for (const part of chooseParts(process.argv.slice(2))) {
    const startMs = performance.now()
    const tally = await runPart(part)
    rows.push({ part, ...tally, seconds: (performance.now() - startMs) / 1000 })
  }
  console.log(`\n${renderClosing(rows)}`)
  process.exit(rows.some((row) => row.failed > 0) ? 1 : 0)
}
