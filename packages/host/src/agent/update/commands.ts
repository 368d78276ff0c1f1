// What the trial units and a person call on the node: `os-agent trial-start|gate|deadline|allow`.
// Each returns an exit code; the journal's lock keeps them and the agent apart.
import type { ImageIdentity } from '@kubenest/api/os/records'
import { exitCodeOf, OsError, toOsError } from '@kubenest/base/errors'
import { changeJournal, createEngineContext, readFacts, type EngineDeps } from './engine-context.ts'
import { gateUntilDecided } from './gate-until-decided.ts'
import type { JournalState } from './journal-state.ts'
import { enforceDeadline, startTrial } from './trial.ts'
import { allowTrial, findTry } from './tries.ts'

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

/** A person allows one more trial of an image that fell back here; refuses any other. */
export function allow(deps: EngineDeps, image: ImageIdentity): Promise<number> {
  return guarded(deps, async () => {
    const context = createEngineContext(deps)
    const facts = await readFacts(context)
    if (findTry(facts.journal, image).failures === 0) throw notFailed(facts.journal, image)
    await changeJournal(context, facts, (state) => allowTrial(state, image, undefined))
    deps.log.info('one more trial is allowed', { ...image })
    return 0
  })
}

/** A typing error must not look like a grant. */
function notFailed({ tries }: JournalState, { digest, version }: ImageIdentity): OsError {
  const failed = tries.filter((each) => each.failures > 0)
  const list = failed.map((each) => `${each.digest} ${JSON.stringify(each.version)}`).join(', ')
  return new OsError('invalid', {
    code: 'image-not-failed',
    message: `Cannot allow ${digest} ${JSON.stringify(version)}: it has not fallen back on this node; ${list === '' ? 'no image has' : `these have: ${list}`}`,
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
