// The agent's status as a person reads it. Pure.
import type { AgentStatus } from '@kubenest/api/agent/rpc'

/** Lines of `os-agent status`. */
export function renderStatus(status: AgentStatus): string {
  const lines = [
    `Agent     ${status.agentVersion}`,
    `System    ${status.osVersion} (boot ${status.bootId})`,
    ...status.slots.map(renderSlot),
    ...renderOperation(status.operation),
    ...renderTrial(status.trial),
    ...status.degraded.map(({ reason, message }) => `Degraded  ${reason}: ${message}`),
  ]
  return `${lines.join('\n')}\n`
}

function renderSlot(slot: AgentStatus['slots'][number]): string {
  const facts = [slot.state, slot.booted ? 'booted' : '', slot.version ?? '']
  const trials = slot.tries > 0 ? `, ${slot.tries} trials` : ''
  return `Slot ${slot.name}    ${facts.filter((fact) => fact !== '').join(', ')}${trials}`
}

function renderOperation(operation: AgentStatus['operation']): string[] {
  if (operation === undefined) return []
  const { type, phase, bytesDone, bytesTotal, since, message, running } = operation
  const bytes = bytesDone === undefined ? '' : `, ${bytesDone} of ${bytesTotal ?? '?'} bytes`
  const head = `${running ? 'Running' : 'Last'} ${type}: ${phase}${bytes}, since ${since}`
  return [`Work      ${head}`, `          ${operation.lastError ?? message}`]
}

function renderTrial(trial: AgentStatus['trial']): string[] {
  if (trial === undefined) return []
  const head = `Trial     ${trial.verdict} of ${trial.image.version}, since ${trial.since}`
  return [head, ...trial.reasons.map((reason) => `          ${reason}`)]
}
