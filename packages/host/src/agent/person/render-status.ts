// The agent's status as a person reads it. Pure.
import type { AgentStatus, TrialVerdict } from '@kubenest/api/agent/rpc'
import { renderSettingsStatus } from './render-settings.ts'

/** Lines of `os-agent status`. */
export function renderStatus(status: AgentStatus): string {
  const lines = [
    `Agent     ${status.agentVersion}`,
    `System    ${status.osVersion} (boot ${status.bootId})`,
    ...status.slots.map(renderSlot),
    ...renderOperation(status.operation),
    ...renderTrial(status.trial),
    ...renderSettingsStatus(status.settings),
    ...status.degraded.map(({ reason, message }) => `Degraded  ${reason}: ${message}`),
  ]
  return `${lines.join('\n')}\n`
}

function renderSlot(slot: AgentStatus['slots'][number]): string {
  const facts = [slot.booted ? `${slot.state} (running)` : slot.state, slot.version ?? '']
  const trials = slot.tries > 0 ? `, ${slot.tries} ${slot.tries === 1 ? 'trial' : 'trials'}` : ''
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
  const { verdict, image, since, reasons } = trial
  const head = `Trial     ${verdict} of ${image.version}, since ${since}`
  const { meaning, next } = EXPLANATIONS[verdict]
  const lines = [meaning, ...reasons.map((reason) => `- ${reason}`), `Next: ${next(image)}`]
  return [head, ...lines.map((line) => `          ${line}`)]
}

interface Explanation {
  readonly meaning: string
  readonly next: (image: { readonly digest: string; readonly version: string }) => string
}

const RETRY: Explanation['next'] = ({ digest, version }) =>
  digest === ''
    ? 'correct the cause, then upgrade to the wanted version'
    : `publish a corrected image; or, when the cause lay outside it: os-agent allow ${digest} ${JSON.stringify(version)}`

/** What a verdict means, and what a person does about it. */
const EXPLANATIONS: Readonly<Record<TrialVerdict, Explanation>> = {
  Committed: {
    meaning: 'The version passed its health gate and boots by itself',
    next: () => 'nothing to do',
  },
  InTrial: {
    meaning: 'The health gate is looking; until it is green the old version stays the default',
    next: () => 'wait; journalctl -u kubenest-gate tells since when',
  },
  TrialNotReached: {
    meaning: 'The new version did not come up; the old one runs',
    next: RETRY,
  },
  TrialInterrupted: {
    meaning: 'The new version started and was cut off (power, watchdog, reset); the old one runs',
    next: RETRY,
  },
  TrialUnhealthy: {
    meaning: 'The new version did not pass its health gate; the old one runs',
    next: RETRY,
  },
  ManualRollback: {
    meaning: 'A person chose this slot in the boot menu; that is respected',
    next: () => 'change the OS object when the cluster shall manage this node again',
  },
  UnexpectedSlot: {
    meaning: 'The running root is neither of the two slots; nothing will be changed',
    next: () => 'boot slot A or B',
  },
}
