// The units that systemd runs beside the agent: one early, and a deadline that no hanging gate can
// stop.
import { stat } from '@kubenest/base/files'
import type { LabDeps } from './control-plane.ts'
import type { LightNode } from './light-node.ts'

/** Time between two looks of the deadline timer; a machine's is half a minute. */
const DEADLINE_LOOK_MS = 2000
const UNIT_TIMEOUT_MS = 60_000

/** Runs a one-shot unit of the agent and notes how it ended. */
export async function runOnce(
  deps: LabDeps,
  node: LightNode,
  name: string,
  argv: readonly [string, ...string[]],
): Promise<void> {
  const result = await deps.exec.run({ argv, timeoutMs: UNIT_TIMEOUT_MS, signal: deps.stop })
  const output = `${result.stdout}${result.stderr}`.trim().slice(-1000)
  node.log.info('unit ended', { unit: name, exitCode: result.exitCode, output })
}

/** Runs `os-agent deadline` while a trial is undecided, until the signal. */
export async function runDeadlineTimer(
  deps: LabDeps,
  node: LightNode,
  argv: readonly [string, ...string[]],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const undecided = (await stat(`${node.paths.run}/kubenest/trial`)) !== undefined
    if (undecided) await runOnce(deps, node, 'deadline', argv)
    await deps.clock.sleep(DEADLINE_LOOK_MS, signal).catch(() => {
      // The node goes down: the loop ends.
    })
  }
}
