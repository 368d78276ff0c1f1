// May anything start at all? The first reason that forbids it, as a sentence with its remedy. Pure.
import type { NodeFailure } from '@kubenest/api/os/records'
import type { NodeFacts, OsFacts, RolloutFacts } from './facts.ts'
import { haltOf } from './failures.ts'
import { olderOverlap, sameSelector } from './select-nodes.ts'
import { isInsideWindow, nextOpenMs, parseTimeWindow } from './time-window.ts'
import { validateOs } from './validate-os.ts'
import { haltSentence, overlapSentence, sameSelectorSentence, windowSentence } from './sentences.ts'

const NAMES_SHOWN_MAX = 3

/** Why nothing starts now. */
export interface Gate {
  reason:
    | 'InvalidSpec'
    | 'SelectorConflict'
    | 'SelectorOverlap'
    | 'Paused'
    | 'Halted'
    | 'WindowClosed'
    | 'WindowOver'
  /** `wrong` degrades the rollout, `held` pauses it, `waiting` passes by itself. */
  kind: 'wrong' | 'held' | 'waiting'
  message: string
  /** When it opens by itself. */
  opensMs?: number
}

/** The first closed gate; `undefined` when work may start. */
export function closedGate(
  facts: RolloutFacts,
  base: readonly NodeFacts[],
  standing: readonly NodeFailure[],
  nowMs: number,
): Gate | undefined {
  const { os } = facts
  return (
    invalidGate(os) ??
    conflictGate(facts) ??
    overlapGate(facts) ??
    pausedGate(os) ??
    haltedGate(os, standing, base.length) ??
    windowGate(facts, nowMs)
  )
}

function invalidGate(os: OsFacts): Gate | undefined {
  const problems = validateOs(os)
  if (problems.length === 0) return undefined
  const message = `${problems.map((each) => each.message).join('; ')}. Nothing starts until the object is corrected.`
  return { reason: 'InvalidSpec', kind: 'wrong', message }
}

function conflictGate(facts: RolloutFacts): Gate | undefined {
  const same = sameSelector(facts.os, facts.others)
  if (same.length === 0) return undefined
  const names = same
    .map(({ key }) => key)
    .sort()
    .slice(0, NAMES_SHOWN_MAX)
  const message = sameSelectorSentence(facts.os.nodeSelector, names, same.length)
  return { reason: 'SelectorConflict', kind: 'wrong', message }
}

function overlapGate(facts: RolloutFacts): Gate | undefined {
  const overlap = olderOverlap(facts.os, facts.others, facts.nodes)
  if (overlap === undefined) return undefined
  const message = overlapSentence(overlap.other.key, overlap.node)
  return { reason: 'SelectorOverlap', kind: 'wrong', message }
}

function pausedGate(os: OsFacts): Gate | undefined {
  if (!os.paused) return undefined
  const message =
    'spec.rollout.paused is true: no further node starts; nodes at work go on. Set it to false to go on.'
  return { reason: 'Paused', kind: 'held', message }
}

function haltedGate(
  os: OsFacts,
  standing: readonly NodeFailure[],
  total: number,
): Gate | undefined {
  const halt = haltOf(os, standing)
  if (halt === undefined) return undefined
  return { reason: 'Halted', kind: 'held', message: haltSentence(os, halt.failed, total) }
}

function windowGate(facts: RolloutFacts, nowMs: number): Gate | undefined {
  const parsed = parseTimeWindow(facts.os.window)
  if ('problem' in parsed || parsed.window === undefined) return undefined
  if (isInsideWindow(parsed.window, nowMs, facts.offsetSecondsAt)) return undefined
  const opensMs = nextOpenMs(parsed.window, nowMs, facts.offsetSecondsAt)
  const message = windowSentence(facts.os.window, opensMs)
  if (opensMs === undefined) return { reason: 'WindowOver', kind: 'waiting', message }
  return { reason: 'WindowClosed', kind: 'waiting', message, opensMs }
}
