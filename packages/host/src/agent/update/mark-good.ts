// A person commits the running slot now, without waiting for the health gate: for a trial that
// cannot become green for a reason that has nothing to do with the image.
import { OsError } from '@kubenest/base/errors'
import { readFacts, type EngineContext } from './engine-context.ts'
import { judgeBoot } from './judge-boot.ts'
import type { SlotName } from './journal-state.ts'
import { commitTrial } from './trial.ts'

/** What became of the request. */
export interface MarkGoodOutcome {
  readonly outcome: 'committed' | 'already-good'
  readonly slot: SlotName
}

const BY_HAND = 'A person marked the slot as good before the health gate had decided'

/** Commits an open trial, or a slot that was chosen by hand in the boot menu. */
export async function markGood(context: EngineContext): Promise<MarkGoodOutcome> {
  const facts = await readFacts(context)
  const { kind } = judgeBoot(facts)
  const slot = facts.booted
  if (kind === 'steady') return { outcome: 'already-good', slot }
  if (kind !== 'in-trial' && kind !== 'finish-commit' && kind !== 'manual-rollback')
    throw new OsError('blocked', {
      code: 'trial-open',
      message: `Cannot mark slot ${slot} as good: the agent has not settled the last operation (${kind}); start it with systemctl start os-agent.service and repeat`,
    })
  await commitTrial(context, [BY_HAND])
  context.log.warn('a person marked the slot as good', { slot })
  return { outcome: 'committed', slot }
}
