// What no longer equals what was applied. Tells keys, never values: this answer reaches the
// cluster.
import type { SettingsDrift } from '@kubenest/api/agent/settings'
import { toOsError } from '@kubenest/base/errors'
import { modelNamed } from './models.ts'
import type { AppliedKey } from './settings-record.ts'

/** Content of a path now; an error when it cannot be read. */
export type PresentContent = string | undefined | Error

/** Compares applied keys with present contents. */
export function findDrift(
  applied: readonly AppliedKey[],
  present: ReadonlyMap<string, PresentContent>,
): SettingsDrift[] {
  return applied.flatMap((each) => {
    const kind = driftOf(each, present.get(each.path))
    if (kind === undefined) return []
    const { model, path, key } = each
    const place = each.slot === undefined ? path : `${path}, entry of slot ${each.slot}`
    return [{ model, path, key, kind, message: `${key} ${MEANINGS[kind]} (${place})` }]
  })
}

const MEANINGS: Readonly<Record<SettingsDrift['kind'], string>> = {
  changed: 'is no longer as it was applied',
  removed: 'was applied and is gone',
  added: 'was deleted and is there again',
  unreadable: 'cannot be told, because its file cannot be read',
}

function driftOf(applied: AppliedKey, content: PresentContent): SettingsDrift['kind'] | undefined {
  if (content instanceof Error) return 'unreadable'
  let now: string | undefined
  try {
    now = content === undefined ? undefined : modelNamed(applied.model).observe(content, applied)
  } catch (cause) {
    // A file that a person is in the middle of editing is told, not a failure of the agent.
    if (toOsError(cause).kind === 'bug') throw cause
    return 'unreadable'
  }
  const wanted = applied.value ?? undefined
  if (now === wanted) return undefined
  if (now === undefined) return 'removed'
  return wanted === undefined ? 'added' : 'changed'
}
