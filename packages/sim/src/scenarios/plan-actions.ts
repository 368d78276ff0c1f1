// What people and bad luck do in a run, and when: drawn from the seed before it begins.
import type { Dice } from './dice.ts'

/** One deed at one time. */
export type Deed = OsDeed | PartDeed

/** Edits of the OS object. */
export type OsDeed =
  | { readonly do: 'setVersion'; readonly number: number }
  | { readonly do: 'rollBack'; readonly number: number }
  | { readonly do: 'pause'; readonly paused: boolean }
  | { readonly do: 'setCap'; readonly cap: number }
  | { readonly do: 'setSelector'; readonly selector: string }
  | { readonly do: 'setMode'; readonly mode: 'serial' | 'parallel' }
  | { readonly do: 'setMaxFailures'; readonly count: number }
  | { readonly do: 'grant' }
  | { readonly do: 'deleteOs' }
  /** Applied again later; `withAnnotations` is an exported object. */
  | { readonly do: 'applyOs'; readonly withAnnotations: boolean }

/** What befalls nodes and programs. Nodes are named by their place in the scenario. */
export type PartDeed =
  | { readonly do: 'cordon'; readonly node: number }
  | { readonly do: 'uncordon'; readonly node: number }
  | { readonly do: 'deleteNode'; readonly node: number }
  | { readonly do: 'createNode'; readonly node: number; readonly isNewMachine: boolean }
  | { readonly do: 'cutPower'; readonly node: number }
  | { readonly do: 'killProxy'; readonly node: number; readonly forMs: number }
  | { readonly do: 'killOperator'; readonly operator: number; readonly forMs: number }
  | { readonly do: 'dropWatches' }
  | { readonly do: 'silenceWatches' }
  | { readonly do: 'compact' }
  | { readonly do: 'outage'; readonly forMs: number }

export interface Action {
  readonly atMs: number
  readonly deed: Deed
}

/** Draws the deeds of a run, in the order of time. */
export function planActions(dice: Dice, fleet: { nodes: number; chaosMs: number }): Action[] {
  const actions: Action[] = []
  for (let left = dice.between(0, 9); left > 0; left -= 1) {
    const atMs = dice.between(1000, fleet.chaosMs)
    actions.push(...series(dice, fleet, atMs))
  }
  return actions.sort((a, b) => a.atMs - b.atMs)
}

function series(dice: Dice, fleet: { nodes: number; chaosMs: number }, atMs: number): Action[] {
  const node = dice.between(0, fleet.nodes - 1)
  const laterMs = atMs + dice.between(1, 60) * 1000
  const forMs = dice.between(1, 60) * 1000
  const only = (deed: Deed): Action[] => [{ atMs, deed }]
  const twice = (deed: Deed, then: Deed) => [...only(deed), { atMs: laterMs, deed: then }]
  const draws: readonly [() => Action[], ...(() => Action[])[]] = [
    () => only({ do: 'setVersion', number: dice.between(2, 5) }),
    () => only({ do: 'setVersion', number: dice.between(2, 5) }),
    () => only({ do: 'rollBack', number: dice.between(1, 3) }),
    () => twice({ do: 'pause', paused: true }, { do: 'pause', paused: false }),
    () => only({ do: 'setCap', cap: dice.between(1, fleet.nodes) }),
    () =>
      only({
        do: 'setSelector',
        selector: dice.pick(['no-label', 'all-label', 'all-label', 'pool']),
      }),
    () => only({ do: 'setMode', mode: dice.pick(['serial', 'parallel']) }),
    () => only({ do: 'setMaxFailures', count: dice.between(1, 3) }),
    () => only({ do: 'grant' }),
    () => only({ do: 'deleteOs' }),
    () => twice({ do: 'deleteOs' }, { do: 'applyOs', withAnnotations: dice.chance(0.5) }),
    () => twice({ do: 'cordon', node }, { do: 'uncordon', node }),
    () => only({ do: 'cordon', node }),
    () => only({ do: 'uncordon', node }),
    () =>
      twice({ do: 'deleteNode', node }, { do: 'createNode', node, isNewMachine: dice.chance(0.5) }),
    () => only({ do: 'deleteNode', node }),
    () => only({ do: 'cutPower', node }),
    () => only({ do: 'killProxy', node, forMs }),
    () => only({ do: 'killOperator', operator: dice.between(0, 1), forMs }),
    () => only({ do: 'dropWatches' }),
    () => only({ do: 'silenceWatches' }),
    () => only({ do: 'compact' }),
    () => only({ do: 'outage', forMs }),
  ]
  return dice.pick(draws)()
}
