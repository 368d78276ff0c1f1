// Runs test files under `bun test` and counts what really happened. The runner's exit code alone is
// not trusted: it is 0 when a test calls process.exit(0) (runtime notes, fact 10).
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

/** What a suite or a check adds to the closing line. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Where files are relative to, and when a run is ended. */
export interface RunOptions {
  readonly cwd: string
  readonly limitMs: number
  /** @defaultValue 'inherit' */
  readonly output?: 'inherit' | 'ignore'
}

/**
 * Counts a JUnit report; a missing one, or an exit code without a counted failure, is one failure.
 */
export function tallyOf(report: string | undefined, exitCode: number): Tally {
  const head = report?.match(/<testsuites\b[^>]*>/)?.[0] ?? ''
  const count = (name: string) => Number(head.match(new RegExp(`\\b${name}="(\\d+)"`))?.[1] ?? 0)
  const seen = count('failures') + count('errors')
  const skipped = count('skipped')
  const passed = Math.max(0, count('tests') - skipped - seen)
  const unseen = exitCode !== 0 || passed + skipped + seen === 0 ? 1 : 0
  return { passed, failed: seen > 0 ? seen : unseen, skipped }
}

/** Runs the files in one runner with our terminal; ends it at the limit. */
export async function runTestFiles(files: readonly string[], options: RunOptions): Promise<Tally> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'kubenest-test-'))
  const report = path.join(folder, 'report.xml')
  const child = Bun.spawn(
    [
      process.execPath,
      'test',
      '--reporter=junit',
      `--reporter-outfile=${report}`,
      ...files.map((file) => `./${file}`),
    ],
    {
      cwd: options.cwd,
      stdio: ['ignore', options.output ?? 'inherit', options.output ?? 'inherit'],
      timeout: options.limitMs,
      killSignal: 'SIGKILL',
    },
  )
  const exitCode = await child.exited
  try {
    const file = Bun.file(report)
    return tallyOf((await file.exists()) ? await file.text() : undefined, exitCode)
  } finally {
    await fs.rm(folder, { recursive: true, force: true })
  }
}
