// The loop of the node's one key: gather facts, decide, act, until nothing can be done now; then
// mirror the status. Level-based: it never asks what happened, only what is.
import type { OsInstance } from '@kubenest/api/os/os'
import { isOsError, toOsError, type OsError } from '@kubenest/base/errors'
import type { ReconcileResult } from '@kubenest/kube/controller/controller'
import { applyStep, type Applied, type StepContext } from './apply-step.ts'
import type { Facts, OsFacts } from './facts.ts'
import { nextTryMs } from './judge-failure.ts'
import { countFailure } from './memory.ts'
import { nextStep } from './next-step.ts'
import { renderStatus } from './render-status.ts'
import type { StatusWriter } from './status-writer.ts'
import type { Step } from './step.ts'
import { isIdle, ownerOf } from './subject.ts'
import { readInstance } from './write-instance.ts'
import { readNode } from './write-node.ts'

/**
 * More steps than any operation has between two waits: a decision that runs in circles is stopped.
 */
const STEPS_MAX = 40

export interface ReconcileContext extends StepContext {
  readonly status: StatusWriter
  /**
   * The OS object that owns the node, as watched; asking for one begins its watch, for none ends
   * it.
   */
  readonly osOf: (owner: { name: string; namespace: string } | undefined) => OsFacts
  readonly freshId: () => string
}

/** One reconcile of the node. Throws bugs only. */
export async function reconcileNode(
  context: ReconcileContext,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const turn: Turn = { facts: undefined, step: { do: 'rest' } }
  const applied = await runSteps(context, turn, signal)
  const statusMs = await mirror(context, turn)
  if (applied.again) return { requeueAfterMs: 0 }
  return soonest(applied.afterMs, statusMs, context.agentView.nextLookMs())
}

/** What was last looked at and decided, for the status. */
interface Turn {
  facts: Facts | undefined
  step: Step
}

async function runSteps(
  context: ReconcileContext,
  turn: Turn,
  signal: AbortSignal,
): Promise<Applied> {
  const { memory, calls } = context
  for (let count = 0; count < STEPS_MAX; count += 1) {
    try {
      turn.facts = await gatherFacts(context, signal)
      turn.step = nextStep(turn.facts, context.clock.nowMs())
      if (calls.abandonUnless(turn.step) === 'prepare') await context.agent.cancel(signal)
      const applied = await applyStep(context, turn.facts, turn.step, signal)
      if (turn.step.do !== 'refreshInstance') memory.stall = undefined
      if (!applied.again) return applied
    } catch (thrown) {
      signal.throwIfAborted()
      return await stall(context, toOsError(thrown))
    }
  }
  return { again: false, afterMs: 1000 }
}

/**
 * X39: a second for the first minute, then up to 15. A conflict only means that the facts were old.
 */
async function stall(context: ReconcileContext, error: OsError): Promise<Applied> {
  if (error.kind === 'bug') throw error
  const { memory, clock, log } = context
  const nowMs = clock.nowMs()
  const isSame = memory.stall?.error.code === error.code
  const before = isSame ? memory.stall : undefined
  const failure = countFailure(before, { step: 'configure', operationId: '', error, nowMs })
  if (isOsError(error, 'kube-conflict') || isOsError(error, 'kube-not-found')) {
    context.view.instance.set(await quietly(() => readInstance(context.client, context.nodeName)))
    context.view.node.set(await quietly(() => readNode(context.client, context.nodeName)))
    if (!isSame) {
      memory.stall = failure
      return { again: true }
    }
  }
  memory.stall = failure
  if (!isSame || failure.attempts === 2) {
    log.warn('Cannot go on', { code: error.code, error: error.message })
  }
  return { again: false, afterMs: Math.max(0, nextTryMs(failure) - nowMs) }
}

/** The error that led here is the one that is told. */
async function quietly<T>(read: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await read()
  } catch {
    // The API server is away; the next turn reads again.
    return undefined
  }
}

async function gatherFacts(context: ReconcileContext, signal: AbortSignal): Promise<Facts> {
  const { view, memory, client, nodeName, agentView } = context
  if (view.node.get() === undefined) view.node.set(await readNode(client, nodeName))
  if (view.instance.get() === undefined) view.instance.set(await readInstance(client, nodeName))
  const node = view.node.get()
  const instance = view.instance.get()
  const owner = instance === undefined ? undefined : ownerOf(instance)
  memory.wasAssignedAtStart ??= owner !== undefined
  if (owner === undefined) memory.wasAssignedAtStart = false
  const os = context.osOf(owner)
  const isAsked = owner !== undefined && instance !== undefined && !isIdle(instance)
  const agent = isAsked || agentView.isOutdated() ? await agentView.read(signal) : agentView.last()
  return {
    node,
    instance,
    isInstanceFresh:
      memory.freshFor !== undefined && memory.freshFor === node?.metadata.resourceVersion,
    os,
    agent,
    task: memory.task,
    failure: memory.failure,
    blockers: memory.blockers,
    wasAssignedAtStart: memory.wasAssignedAtStart,
    freshId: context.freshId(),
  }
}

async function mirror(context: ReconcileContext, turn: Turn): Promise<number | undefined> {
  const { view, memory, status, clock } = context
  const instance = view.instance.get()
  if (instance === undefined || turn.facts === undefined) return undefined
  const facts = { ...turn.facts, task: memory.task, failure: memory.failure }
  const wanted = renderStatus(
    { facts, step: turn.step, stall: memory.stall },
    instance,
    clock.nowMs(),
  )
  const written = await status.mirror(instance, wanted)
  if (written.instance === undefined || !view.instance.offer(written.instance))
    return written.afterMs
  // The answer may bring an assignment before the watch does, which then wakes nobody any more.
  return isSameWork(written.instance, instance) ? written.afterMs : 0
}

/** Everything that a decision rests on besides the status, which we write ourselves. */
function isSameWork(a: OsInstance, b: OsInstance): boolean {
  const work = ({ metadata, spec }: OsInstance) => JSON.stringify([metadata.annotations, spec])
  return work(a) === work(b)
}

function soonest(...delays: (number | undefined)[]): ReconcileResult {
  const known = delays.filter((delay) => delay !== undefined)
  return known.length === 0 ? {} : { requeueAfterMs: Math.min(...known) }
}
