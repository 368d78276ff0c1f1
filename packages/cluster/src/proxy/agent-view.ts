// The agent's word on itself, asked for when a decision needs it and not more often than each
// second.
import type { Clock } from '@kubenest/base/clock'
import { toOsError } from '@kubenest/base/errors'
import type { AgentClient } from './agent-client.ts'
import type { AgentFacts } from './facts.ts'

const FRESH_MS = 1000

export interface AgentView {
  /** The last answer, without asking. */
  last(): AgentFacts
  /** Asks unless the last answer is young; never throws. */
  read(signal: AbortSignal): Promise<AgentFacts>
  /** The agent did something: the last answer is old. */
  invalidate(): void
  /** It did something since the last answer, or never gave one. */
  isOutdated(): boolean
}

export function createAgentView(agent: AgentClient, clock: Clock): AgentView {
  let facts: AgentFacts = { state: 'unknown', message: 'The agent was not asked yet' }
  let freshUntilMs = Number.NEGATIVE_INFINITY
  let isOutdated = true
  return {
    last: () => facts,
    invalidate() {
      freshUntilMs = Number.NEGATIVE_INFINITY
      isOutdated = true
    },
    isOutdated: () => isOutdated || facts.state === 'unknown',
    async read(signal) {
      if (clock.monotonicMs() < freshUntilMs) return facts
      isOutdated = false
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
