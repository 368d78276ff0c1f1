// A request checked and planned against this node, before anything is written; and the plan as a
// person or the cluster asks for it.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import type { PlanSettingsResult } from '@kubenest/api/agent/settings'
import { diffLines } from './diff-lines.ts'
import { readBootFacts } from './grub/boot-facts.ts'
import { lookAtTarget, type FoundTarget, type SettingsDeps } from './node-target.ts'
import { needsBoot, planSettings, targetsOfSettings, type SettingsPlan } from './plan-settings.ts'
import type { TargetWrite } from './transaction.ts'

const LINES_SHOWN_MAX = 200

/** A request that was checked and planned, and what it would write. */
export interface Prepared {
  readonly plan: SettingsPlan
  readonly found: ReadonlyMap<string, FoundTarget>
  readonly writes: readonly TargetWrite[]
}

/** Checks and plans a request; throws OsError with nothing changed. */
export async function prepareSettings(
  configs: readonly ConfigureEntry[],
  deps: SettingsDeps,
): Promise<Prepared> {
  const facts = needsBoot(configs) ? { boot: await readBootFacts(configs, deps.sysroot) } : {}
  const found = new Map<string, FoundTarget>()
  for (const target of targetsOfSettings(configs, facts))
    found.set(target.path, await lookAtTarget(target, deps))
  const present = new Map([...found].map(([path, each]) => [path, textOf(each)]))
  const plan = planSettings(configs, present, facts)
  const writes = plan.changes.flatMap(({ target, content }) => {
    const each = found.get(target.path)
    if (each === undefined || present.get(target.path) === content) return []
    return [{ ...each, after: content, waitsFor: plan.waitsFor.get(target.path) }]
  })
  return { plan, found, writes }
}

/** Kernel values are always written: what reads back is not spelled as it was written. */
function textOf({ target, before }: FoundTarget): string | undefined {
  return target.kind === 'kernel-value' ? undefined : before
}

/** What would change, by lines. */
export function describePlan({ plan, writes }: Prepared): PlanSettingsResult {
  const waitsFor = new Set(writes.flatMap((write) => write.waitsFor ?? []))
  return {
    changes: writes.map(({ target, before, after }) => {
      const all = diffLines(linesOf(before), linesOf(after)).flatMap(({ sign, text }) =>
        sign === ' ' ? [] : [{ sign, text }],
      )
      return {
        path: target.path,
        kind: target.kind === 'kernel-value' ? 'kernel-value' : 'file',
        isNew: before === undefined,
        lines: all.slice(0, LINES_SHOWN_MAX),
        linesLeftOut: Math.max(0, all.length - LINES_SHOWN_MAX),
      }
    }),
    warnings: [...plan.warnings],
    waitsFor: [...waitsFor],
  }
}

function linesOf(text: string | undefined): string[] {
  return text === undefined || text === '' ? [] : text.replace(/\n$/, '').split('\n')
}
