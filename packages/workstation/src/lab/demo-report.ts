// The last page of the demo: what was expected, what was seen, how long it took.
import type { Expectation } from './demo-script.ts'
import type { FleetView } from './fleet-view.ts'
import { renderTable } from './text-table.ts'

/** How one act ended. */
export interface StepResult {
  readonly title: string
  readonly durationMs: number
  readonly expectations: readonly Expectation[]
}

/** True when each expectation of each act was seen. */
export function allSeen(results: readonly StepResult[], steps: number): boolean {
  return (
    results.length === steps &&
    results.every((result) => result.expectations.every((each) => each.seen))
  )
}

/** Renders the page. */
export function renderReport(results: readonly StepResult[], fleet: FleetView): string[] {
  const acts = results.flatMap((result) => [
    `${result.title}: ${(result.durationMs / 1000).toFixed(1)} s`,
    ...result.expectations.map((each) => `  ${each.seen ? 'seen    ' : 'NOT SEEN'}  ${each.text}`),
    '',
  ])
  return [
    'What happened',
    '=============',
    '',
    ...acts,
    'What each node booted (t: on trial, !: panicked)',
    ...renderTable(
      ['NODE', 'BOOTS'],
      fleet.nodes.map((node) => [node.name, renderBoots(node.boots)]),
    ),
    ...fleet.oses.flatMap(({ name, halted }) =>
      halted === undefined
        ? []
        : ['', `Why the rollout of ${name} nodes halted: ${halted.message}`],
    ),
  ]
}

function renderBoots(boots: FleetView['nodes'][number]['boots']): string {
  return boots
    .map(({ slot, version, trial, outcome }) => {
      const marks = `${trial ? 't' : ''}${outcome === 'panics' ? '!' : ''}`
      return `${version.replace(/^KubeOS /, '')} in ${slot}${marks === '' ? '' : ` (${marks})`}`
    })
    .join(' > ')
}
