// Plan, drift and undo of settings as a person reads them. Pure.
import type {
  PlannedChange,
  PlanSettingsResult,
  SettingsDriftResult,
  SettingsStatus,
  UndoSettingsResult,
} from '@kubenest/api/agent/settings'

/** Lines of `os-agent plan`. */
export function renderPlan({ changes, warnings, waitsFor }: PlanSettingsResult): string {
  const notes = warnings.map(
    ({ model, key, reason }) => `Without effect: ${model} ${key}: ${reason}`,
  )
  const head = changes.length === 0 ? ['Nothing would change.'] : changes.flatMap(renderChange)
  return lines([...head, ...notes, ...waiting(waitsFor)])
}

function renderChange({ path, isNew, lines: changed, linesLeftOut }: PlannedChange): string[] {
  const more = linesLeftOut === 0 ? [] : [`  … and ${linesLeftOut} more lines`]
  // A documented sysctl file loses its empty lines with the first change: a screen of bare signs.
  const shown = changed.filter(({ sign, text }) => sign === '+' || text !== '')
  const emptyCount = changed.length - shown.length
  const empty = emptyCount === 0 ? [] : [`  - (empty lines: ${emptyCount})`]
  return [
    `${path}${isNew ? ' (new)' : ''}`,
    ...shown.map(({ sign, text }) => `  ${sign} ${text}`),
    ...empty,
    ...more,
  ]
}

/** Lines of `os-agent drift`. */
export function renderDrift({ watched, drift }: SettingsDriftResult): string {
  const count = `${watched} ${watched === 1 ? 'setting is' : 'settings are'} watched`
  if (drift.length === 0) return lines([`${count}; all are as they were applied.`])
  const rows = drift.map(
    ({ path, model, key, kind, message }) => `${kind}: ${path} ${model} ${key}: ${message}`,
  )
  return lines([`${count}; ${drift.length} ${drift.length === 1 ? 'differs' : 'differ'}:`, ...rows])
}

/** Lines of `os-agent status` about settings: what does not count yet, how many have drifted. */
export function renderSettingsStatus(settings: SettingsStatus | undefined): string[] {
  if (settings === undefined) return []
  const waits = settings.waiting.map(
    ({ target, since, paths }) =>
      `Settings  Wait for a restart of ${target} since ${since}: ${paths.join(', ')}`,
  )
  const count = settings.driftCount
  const drifted =
    count === 0
      ? []
      : [
          `Settings  ${count} ${count === 1 ? 'differs' : 'differ'} from what was applied; see os-agent drift`,
        ]
  return [...waits, ...drifted]
}

/** Lines of `os-agent undo`. */
export function renderUndo({ paths, waitsFor }: UndoSettingsResult): string {
  if (paths.length === 0) return lines(['Nothing had to change.'])
  return lines([
    'As before the last change:',
    ...paths.map((path) => `  ${path}`),
    ...waiting(waitsFor),
  ])
}

function waiting(waitsFor: readonly string[]): string[] {
  if (waitsFor.length === 0) return []
  return [`Takes effect with a restart of: ${waitsFor.join(', ')}`]
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
