// What a trial waits for at this moment. The gate is a process of its own: it leaves its sentences
// where the agent finds them for `status`.
import { toOsError } from '@kubenest/base/errors'
import { readText } from '@kubenest/base/files'
import { markBoot } from './boot-mark.ts'
import { RUN_FOLDER, type EngineContext } from './engine-context.ts'
import { boundReasons } from './journal-state.ts'

const FILE = `${RUN_FOLDER}/open-checks`

/** Never an end of the gate: a trial is decided, too, when nobody can be told of it. */
export async function keepOpenChecks(
  context: EngineContext,
  sentences: readonly string[],
): Promise<void> {
  try {
    await markBoot(context, FILE, JSON.stringify(boundReasons(sentences)))
  } catch (cause) {
    context.log.warn('open checks could not be noted', { reason: toOsError(cause).message })
  }
}

/** Empty when the gate has not looked yet. */
export async function readOpenChecks(context: EngineContext): Promise<string[]> {
  try {
    return JSON.parse((await readText(context.sysroot.path(FILE))) ?? '[]') as string[]
  } catch {
    // Caught in the middle of a write: whoever asks again reads it.
    return []
  }
}
