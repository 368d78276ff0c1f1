// A person allows one more trial of an image that fell back on this node (decision 5).
import type { ImageIdentity } from '@kubenest/api/os/records'
import { OsError } from '@kubenest/base/errors'
import { changeJournal, readFacts, type EngineContext } from './engine-context.ts'
import type { JournalState } from './journal-state.ts'
import { allowTrial, findTry } from './tries.ts'

/** Allows it, durably; throws code `image-not-failed` for any other image. */
export async function allowImage(context: EngineContext, image: ImageIdentity): Promise<void> {
  const facts = await readFacts(context)
  if (findTry(facts.journal, image).failures === 0) throw notFailed(facts.journal, image)
  await changeJournal(context, facts, (state) => allowTrial(state, image, undefined))
  context.log.info('one more trial is allowed', { ...image })
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
