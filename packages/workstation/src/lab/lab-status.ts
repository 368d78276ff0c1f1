// Text of `lab status` for what the supervisor wrote down.
import type { LabRecord } from './lab-record.ts'
import { renderTable } from './text-table.ts'

/** Renders a lab's record. `alive` tells whether its supervisor runs. */
export function renderStatus(
  record: LabRecord,
  now: { readonly alive: boolean; readonly nowMs: number; readonly folder: string },
): string {
  const state = now.alive ? record.phase : record.phase === 'failed' ? 'failed' : 'crashed'
  const rows = record.processes.map(({ name, identity, restarts }) => [
    name,
    `${identity.pid}`,
    `${restarts}`,
  ])
  const lines = [
    `Lab "${record.name}" is ${state}, since ${renderAge(now.nowMs - Date.parse(record.startedAt))}.`,
    ...(record.error === undefined ? [] : [record.error]),
    ...(now.alive ? [] : ['Remove it with kubenest lab down.']),
    `API server: ${record.apiServer}`,
    `Images:     ${record.imageServer}`,
    `State:      ${now.folder}`,
    `Manifests:  ${now.folder}/manifests`,
    '',
    ...renderTable(['PROGRAM', 'PID', 'RESTARTS'], now.alive ? rows : []),
  ]
  return `${lines.join('\n')}\n`
}

/** A span of time as a person says it: `42s`, `3m10s`, `2h5m`. */
export function renderAge(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${seconds % 60}s`
  return `${Math.floor(seconds / 3600)}h${Math.floor((seconds % 3600) / 60)}m`
}
