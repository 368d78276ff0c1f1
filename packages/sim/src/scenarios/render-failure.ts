// A failed run as a bug report: the seed repeats it on the same commit.
import type { SimulationResult, Violation } from './run-simulation.ts'

const LINES = 40

export function renderFailure(
  { scenario, tail }: SimulationResult,
  violation: Violation,
  commit: string,
): string {
  const { seed, rights, operators, nodes, spec } = scenario
  return [
    `FAIL seed ${seed} at commit ${commit}: ${violation.invariant}: ${violation.message}`,
    `  ${nodes.length} nodes, ${operators} operators, rights ${rights}, ${JSON.stringify(spec)}`,
    ...tail(LINES).map((line) => `  ${line}`),
    `  repeat: bun packages/sim/src/main.ts --seed ${seed} --verbose`,
  ].join('\n')
}
