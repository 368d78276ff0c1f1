// The simulator as a program: many seeds, or one with all that happened in it.
// Usage: bun packages/sim/src/main.ts [--seed N [--verbose]] [--runs N] [--from N]
import { parseArgs } from 'node:util'
import { systemClock } from '@kubenest/base/clock'
import { renderFailure } from './scenarios/render-failure.ts'
import { runSimulation } from './scenarios/run-simulation.ts'

const VERBOSE_LINES = 100_000

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    runs: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
  },
})

function wholeNumber(name: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new Error(`Cannot use --${name} ${text}: give a whole number from 0`)
}

function commit(): string {
  const { stdout } = Bun.spawnSync(['git', 'rev-parse', '--short', 'HEAD'])
  return stdout.toString().trim() || 'unknown'
}

const from = wholeNumber('from', values.seed ?? values.from)
const runs = values.seed === undefined ? wholeNumber('runs', values.runs) : 1
let failed = 0
let writes = 0
let virtualMs = 0
const startMs = systemClock.monotonicMs()
for (let seed = from; seed < from + runs; seed += 1) {
  const result = await runSimulation(seed)
  writes += result.writes
  virtualMs += result.virtualMs
  if (values.verbose) for (const line of result.tail(VERBOSE_LINES)) console.log(line)
  if (result.violation === undefined) continue
  failed += 1
  console.log(renderFailure(result, result.violation, commit()))
}
const seconds = (systemClock.monotonicMs() - startMs) / 1000
console.log(
  `${runs - failed} passed, ${failed} failed: ${writes} writes, ` +
    `${(virtualMs / 3_600_000).toFixed(1)} h of virtual time in ${seconds.toFixed(1)} s`,
)
process.exit(failed === 0 ? 0 : 1)
