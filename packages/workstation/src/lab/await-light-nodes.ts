// Waits until the light nodes of a new lab are Ready: what a person types next shall find them.
import type { Clock } from '@kubenest/base/clock'
import type { FleetView } from './fleet-view.ts'

const LIMIT_MS = 30_000
const LOOK_MS = 200

/** What waiting needs. */
export interface AwaitDeps {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>
  readonly stop: AbortSignal
  readonly read: () => Promise<FleetView>
}

/** Names of the light nodes that were not Ready when the time was over, or the wait was stopped. */
export async function awaitLightNodes({ clock, stop, read }: AwaitDeps): Promise<string[]> {
  const deadlineMs = clock.monotonicMs() + LIMIT_MS
  for (;;) {
    const { nodes } = await read()
    const late = nodes.filter((each) => each.kind === 'light' && !each.ready)
    if (late.length === 0 || stop.aborted || clock.monotonicMs() >= deadlineMs)
      return late.map((each) => each.name)
    await clock.sleep(LOOK_MS)
  }
}
