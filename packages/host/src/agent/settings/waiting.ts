// Which changed files do not count yet, because what reads them has not been started again. Told by
// the id that systemd gives each start, and by the boot's id.
import type { RestartTarget, WaitingRestart } from '@kubenest/api/agent/settings'
import type { SettingsDeps } from './node-target.ts'
import { invocationOf } from './service-units.ts'
import type { SavedTarget, WaitingMark } from './settings-record.ts'

/** Now, as far as waiting is concerned. */
export interface WaitingNow {
  readonly bootId: string
  /** RFC 3339. */
  readonly time: string
}

/** Those marks that still wait. */
export async function stillWaiting(
  marks: readonly WaitingMark[],
  bootId: string,
  deps: Pick<SettingsDeps, 'exec'>,
): Promise<WaitingMark[]> {
  const looks = marks.map(async (mark) => {
    if (mark.bootId !== bootId) return []
    if (mark.target === 'node' || mark.invocation === undefined) return [mark]
    const now = await invocationOf(mark.target, deps)
    return now === undefined || now === mark.invocation ? [mark] : []
  })
  return (await Promise.all(looks)).flat()
}

/** Marks for files that were just written, joined with those that wait already. */
export async function markWaiting(
  before: readonly WaitingMark[],
  saved: readonly SavedTarget[],
  now: WaitingNow,
  deps: Pick<SettingsDeps, 'exec'>,
): Promise<WaitingMark[]> {
  const marks = new Map(before.map((mark) => [mark.target, mark]))
  for (const { path, waitsFor } of saved) {
    if (waitsFor === undefined) continue
    const old = marks.get(waitsFor) ?? (await freshMark(waitsFor, now, deps))
    if (old === undefined) continue
    marks.set(waitsFor, { ...old, paths: [...new Set([...old.paths, path])] })
  }
  return [...marks.values()]
}

/** `undefined` for a service that does not run: its next start reads the new file. */
async function freshMark(
  target: RestartTarget,
  { bootId, time }: WaitingNow,
  deps: Pick<SettingsDeps, 'exec'>,
): Promise<WaitingMark | undefined> {
  const mark = { target, since: time, paths: [], bootId }
  if (target === 'node') return mark
  const invocation = await invocationOf(target, deps)
  if (invocation === '') return undefined
  return invocation === undefined ? mark : { ...mark, invocation }
}

/** As `status` tells it. */
export function describeWaiting(marks: readonly WaitingMark[]): WaitingRestart[] {
  return marks.map(({ target, since, paths }) => ({ target, since, paths: [...paths] }))
}
