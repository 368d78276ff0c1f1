// What the trial units and a person call on the node: `os-agent trial-start|gate|deadline|allow`.
// Each returns an exit code; the journal's lock keeps them and the agent apart.
import type { ImageIdentity } from '@kubenest/api/os/records'
import { exitCodeOf, toOsError } from '@kubenest/base/errors'
import { changeJournal, createEngineContext, readFacts, type EngineDeps } from './engine-context.ts'
import { enforceDeadline, gateTrial, startTrial } from './trial.ts'
import { allowTrial } from './tries.ts'

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
    try {
      const outcome = await gateTrial(createEngineContext(deps), signal)
      return outcome === 'falling-back' ? 75 : 0
    } catch (error) {
      if (!signal.aborted) throw error
      deps.log.info('the gate was stopped before it had decided')
      return STOPPED
    }
  })
}

/** Reboots into the old slot when a trial is past its deadline. */
export function deadline(deps: EngineDeps): Promise<number> {
  return guarded(deps, async () => {
    await enforceDeadline(createEngineContext(deps))
    return 0
  })
}

/** A person allows one more trial of an image. */
export function allow(deps: EngineDeps, image: ImageIdentity): Promise<number> {
  return guarded(deps, async () => {
    const context = createEngineContext(deps)
    const facts = await readFacts(context)
    await changeJournal(context, facts, (state) => allowTrial(state, image, undefined))
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
