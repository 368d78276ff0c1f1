// What the trial units call on the node: `os-agent trial-start|gate|deadline`.
// Each returns an exit code; the journal's lock keeps them and the agent apart.
import { exitCodeOf, toOsError } from '@kubenest/base/errors'
import { createEngineContext, type EngineDeps } from './engine-context.ts'
import { gateUntilDecided } from './gate-until-decided.ts'
import { enforceDeadline, startTrial } from './trial.ts'

/** Exit code of a gate whose verdict is against the trial; its unit does not start it again. */
const FALLING_BACK = 75
/** Exit code of a gate that was stopped: no verdict, so its unit starts it again. */
const STOPPED = 143

/** Early in a boot: notes the start of a trial, or ends a trial that started before. */
export function trialStart(deps: EngineDeps): Promise<number> {
  return guarded(deps, async () => {
    await startTrial(createEngineContext(deps))
    return 0
  })
}

/**
 * Looks until the trial is decided; 0 when there is none or it is committed, 75 when it falls back.
 */
export function gate(deps: EngineDeps, signal: AbortSignal): Promise<number> {
  return guarded(deps, async () => {
    const outcome = await gateUntilDecided(createEngineContext(deps), signal)
    if (outcome === 'falling-back') return FALLING_BACK
    return outcome === 'stopped' ? STOPPED : 0
  })
}

/** Reboots into the old slot when a trial is past its deadline. */
export function deadline(deps: EngineDeps): Promise<number> {
  return guarded(deps, async () => {
    await enforceDeadline(createEngineContext(deps))
    return 0
  })
}

async function guarded(deps: EngineDeps, task: () => Promise<number>): Promise<number> {
  try {
    return await task()
  } catch (cause) {
    const error = toOsError(cause)
    deps.log.error('command failed', { code: error.code, reason: error.message })
    return exitCodeOf(error)
  }
}
