// The agent's word on itself, asked for when a decision needs it and not more often than each
// second.
import type { Clock } from '@kubenest/base/clock'
import { toOsError } from '@kubenest/base/errors'
import type { AgentClient } from './agent-client.ts'
import type { AgentFacts } from './facts.ts'

const FRESH_MS = 1000
const RETRY_MS = 15_000
/** Settings can be changed by hand at any time; nobody tells the proxy. */
const DRIFT_LOOK_MS = 3_600_000

export interface AgentView {
  /** The last answer, without asking. */
  last(): AgentFacts
  /** Asks unless the last answer is young; never throws. */
  read(signal: AbortSignal): Promise<AgentFacts>
  /** The agent did something: the last answer is old. */
  invalidate(): void
  /** It did something since the last answer, never gave one, or a look at its settings is due. */
  isOutdated(): boolean
  /** When to ask although nothing happened: until it answered, and while it watches settings. */
  nextLookMs(): number | undefined
}

export function createAgentView(agent: AgentClient, clock: Clock): AgentView {
  let facts: AgentFacts = { state: 'unknown', message: 'The agent was not asked yet' }
  let freshUntilMs = Number.NEGATIVE_INFINITY
  let isOutdated = true
  let askedMs = Number.NEGATIVE_INFINITY
  const lookEachMs = () => {
    if (facts.state === 'unknown') return RETRY_MS
    const watches = facts.state === 'described' && facts.status.settings !== undefined
    return watches ? DRIFT_LOOK_MS : undefined
  }
  const leftMs = () => {
    const eachMs = lookEachMs()
    return eachMs === undefined ? undefined : askedMs + eachMs - clock.monotonicMs()
  }
  return {
    last: () => facts,
    invalidate() {
      freshUntilMs = Number.NEGATIVE_INFINITY
      isOutdated = true
    },
    isOutdated: () => isOutdated || facts.state === 'unknown' || (leftMs() ?? 1) <= 0,
    nextLookMs() {
      const ms = leftMs()
      // Due, and yet not done: something else is in the way.
      return ms !== undefined && ms <= 0 ? RETRY_MS : ms
    },
    async read(signal) {
      if (clock.monotonicMs() < freshUntilMs) return facts
      isOutdated = false
      askedMs = clock.monotonicMs()
      facts = await ask(agent, signal)
      freshUntilMs = clock.monotonicMs() + FRESH_MS
      return facts
    },
  }
}

async function ask(agent: AgentClient, signal: AbortSignal): Promise<AgentFacts> {
  try {
    const status = await agent.status(signal)
    return status === undefined ? { state: 'documented' } : { state: 'described', status }
  } catch (error) {
    return { state: 'unknown', message: toOsError(error).message }
  }
}
