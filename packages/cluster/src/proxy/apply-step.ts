// Carries out one step. Says whether to decide again at once, or when; errors go to the reconcile
// loop.

import type { Node } from '@kubenest/api/core/objects'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { OperationRecord } from '@kubenest/api/os/records'
import { assert, assertNever } from '@kubenest/base/assert'
import type { Clock } from '@kubenest/base/clock'
import { isOsError, toOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { OSES } from '@kubenest/kube/client/resources'
import type { EventText } from '@kubenest/kube/controller/events'
import { cordonNode } from '@kubenest/kube/drain/cordon-node'
import type { AgentClient } from './agent-client.ts'
import { renderConfigure, renderExtras, renderPrepare } from './agent-requests.ts'
import type { AgentView } from './agent-view.ts'
import { recheckDelayMs } from './drain-policy.ts'
import type { Drainer } from './drainer.ts'
import type { Facts } from './facts.ts'
import type { LongCalls } from './long-calls.ts'
import { countFailure, type Memory } from './memory.ts'
import { inPhase } from './operation-record.ts'
import { blockedEvent, eventOf } from './plan-event.ts'
import { renderReport } from './render-report.ts'
import type { Step } from './step.ts'
import { isUnschedulable } from './subject.ts'
import type { View } from './view.ts'
import {
  createInstance,
  readInstance,
  writeApplied,
  writeIdle,
  writeRecords,
  writeSysconfigs,
} from './write-instance.ts'
import { liftCordon, readNode, removeLabel } from './write-node.ts'

/** What carrying out steps needs. */
export interface StepContext {
  readonly nodeName: string
  readonly client: KubeClient
  readonly agent: AgentClient
  readonly agentView: AgentView
  readonly drainer: Drainer
  readonly clock: Clock
  readonly log: Logger
  readonly view: View
  readonly memory: Memory
  readonly calls: LongCalls
  /** Tells people of it, where that is allowed. */
  readonly tell: (text: EventText | undefined) => void
  /** A fresh read of the OS object that differs from what the watch had. */
  readonly onOs: (os: Os | undefined) => void
}

/** When to decide again; `again: true` is at once, no time is when something changes. */
export type Applied =
  { readonly again: true } | { readonly again: false; readonly afterMs?: number }

const AGAIN: Applied = { again: true }

/** Carries out the step that was decided on these facts. */
export async function applyStep(
  context: StepContext,
  facts: Facts,
  step: Step,
  signal: AbortSignal,
): Promise<Applied> {
  const { client, view, memory, nodeName } = context
  switch (step.do) {
    case 'ensureInstance':
      view.instance.set(await ensureInstance(client, nodeName))
      return AGAIN
    case 'refreshInstance':
      view.instance.set(await readInstance(client, nodeName))
      memory.freshFor = facts.node?.metadata.resourceVersion
      return AGAIN
    case 'record':
      await write(context, (instance) => writeRecords(client, instance, step))
      forgetWork(memory)
      context.log.info('Phase', { operation: step.operation.id, phase: step.operation.phase })
      context.tell(eventOf(step.operation, step.verdict))
      return AGAIN
    case 'hold':
    case 'idle':
      return await applyRecords(context, step)
    case 'configure':
      configure(context, step)
      return AGAIN
    case 'recordApplied':
      await write(context, (instance) => writeApplied(client, instance, step.kind))
      memory.task = undefined
      return AGAIN
    case 'replaceSysconfigs':
      await write(context, (instance) => writeSysconfigs(client, instance, step.sysconfigs))
      return AGAIN
    case 'prepare':
      prepare(context, presentOs(facts), step.operation)
      return AGAIN
    case 'lookForBlockers':
      return await lookForBlockers(context, presentOs(facts), step, signal)
    case 'cordon':
      await cordonNode(client, { node: nodeName, operationId: step.operation.id, signal })
      return await rereadNode(context)
    case 'drain':
      drain(context, presentOs(facts), step)
      return AGAIN
    case 'arm':
      return await arm(context, facts, step)
    case 'activate':
      activate(context, facts, step.operation)
      return AGAIN
    case 'watchTrial':
      await report(context, facts, signal)
      return after(context, step.untilMs)
    case 'uncordon':
      await liftCordon(client, nodeOf(context))
      return await rereadNode(context)
    case 'removeLabel':
      await removeLabel(client, nodeOf(context), step.label)
      return await rereadNode(context)
    case 'wait':
      return after(context, step.untilMs)
    case 'fail':
      throw step.error
    case 'rest':
      return { again: false }
    default:
      return assertNever(step)
  }
}

async function ensureInstance(
  client: KubeClient,
  nodeName: string,
): Promise<OsInstance | undefined> {
  const existing = await readInstance(client, nodeName)
  if (existing !== undefined) return existing
  try {
    return await createInstance(client, nodeName)
  } catch (error) {
    if (isOsError(error, 'kube-conflict')) return await readInstance(client, nodeName)
    throw error
  }
}

/** Keeps the answer, so that the next decision is made on what was written. */
async function write(
  { view }: StepContext,
  send: (instance: OsInstance) => Promise<OsInstance>,
): Promise<void> {
  const instance = view.instance.get()
  assert(instance !== undefined, 'a step was decided without an OSInstance')
  view.instance.set(await send(instance))
}

async function applyRecords(
  context: StepContext,
  step: Extract<Step, { do: 'hold' | 'idle' }>,
): Promise<Applied> {
  const send = step.do === 'idle' ? writeIdle : writeRecords
  await write(context, (instance) => send(context.client, instance, step))
  forgetWork(context.memory)
  context.agentView.invalidate()
  context.tell(eventOf(step.operation, step.verdict))
  context.log.info('Operation ended', {
    operation: step.operation.id,
    outcome: step.verdict.outcome,
    reason: step.verdict.reason,
  })
  return AGAIN
}

/** A phase was passed: failures, looks and finished calls belong to the one before. */
function forgetWork(memory: Memory): void {
  memory.failure = undefined
  memory.blockers = undefined
  if (memory.task?.kind !== 'activate') memory.task = undefined
}

async function rereadNode({ client, nodeName, view }: StepContext): Promise<Applied> {
  view.node.set(await readNode(client, nodeName))
  return AGAIN
}

function configure(context: StepContext, step: Extract<Step, { do: 'configure' }>): void {
  const settings = context.view.instance.get()?.spec?.[step.kind]
  const request = renderConfigure(settings, step.restart)
  context.calls.start('configure', step.operationId, async ({ signal }) => {
    if (request !== undefined) await context.agent.configure(request, signal)
  })
}

function remember(
  context: StepContext,
  ref: { step: 'lookForBlockers'; operationId: string },
  thrown: unknown,
): Applied {
  const error = toOsError(thrown)
  if (error.kind === 'bug') throw error
  const nowMs = context.clock.nowMs()
  context.memory.failure = countFailure(context.memory.failure, { ...ref, error, nowMs })
  if (context.memory.failure.attempts === 1) {
    context.log.warn('A step failed and will be repeated', { step: ref.step, error: error.message })
  }
  return AGAIN
}

function prepare(context: StepContext, os: Os, operation: OperationRecord): void {
  context.calls.start('prepare', operation.id, async ({ signal }) => {
    await context.agent.prepareUpgrade(renderPrepare(os, operation), signal)
    context.agentView.invalidate()
  })
}

async function lookForBlockers(
  context: StepContext,
  os: Os,
  step: Extract<Step, { do: 'lookForBlockers' }>,
  signal: AbortSignal,
): Promise<Applied> {
  const { operation, dryRun } = step
  const ref = { step: 'lookForBlockers', operationId: operation.id } as const
  const force = os.spec?.evictpodforce ?? false
  const request = { nodeName: context.nodeName, force, signal }
  try {
    const blockers = await context.drainer.findBlockers({ ...request, dryRun })
    const before = context.memory.blockers
    const looks = before?.operationId === operation.id ? before.looks + 1 : 1
    const nextMs = context.clock.nowMs() + recheckDelayMs(looks)
    const stops = operation.drainStops ?? 0
    context.memory.blockers = { operationId: operation.id, blockers, looks, nextMs, stops, force }
    context.tell(blockedEvent(blockers))
    if (context.memory.failure?.step === 'lookForBlockers') context.memory.failure = undefined
    return AGAIN
  } catch (error) {
    return remember(context, ref, error)
  }
}

function drain(context: StepContext, os: Os, step: Extract<Step, { do: 'drain' }>): void {
  const { id } = step.operation
  context.calls.start('drain', id, ({ signal, say }) =>
    context.drainer.drain({
      nodeName: context.nodeName,
      force: os.spec?.evictpodforce ?? false,
      operationId: id,
      limitMs: Math.max(1, step.deadlineMs - context.clock.nowMs()),
      onProgress: say,
      signal,
    }),
  )
}

/**
 * Step 10 of the protocol: the last go or no-go is made on fresh reads (I17). The write of Armed is
 * conditional, so it also proves that the assignment is still the one that was decided on.
 */
async function arm(
  context: StepContext,
  facts: Facts,
  step: Extract<Step, { do: 'arm' }>,
): Promise<Applied> {
  const os = presentOs(facts)
  const { name, namespace } = os.metadata
  const fresh = await context.client.get(OSES, {
    name,
    ...(namespace === undefined ? {} : { namespace }),
  })
  if (fresh?.metadata.resourceVersion !== os.metadata.resourceVersion) {
    const isEdited =
      fresh?.metadata.uid !== os.metadata.uid ||
      fresh?.metadata.generation !== os.metadata.generation
    context.onOs(fresh)
    if (isEdited) return AGAIN
  }
  const node = await readNode(context.client, context.nodeName)
  context.view.node.set(node)
  if (node === undefined || !isUnschedulable(node)) return AGAIN
  const nowMs = context.clock.nowMs()
  const operation = { ...inPhase(step.operation, 'Armed', nowMs), bootId: step.bootId }
  await write(context, (instance) => writeRecords(context.client, instance, { operation }))
  forgetWork(context.memory)
  context.log.info('Phase', { operation: operation.id, phase: operation.phase })
  context.tell(eventOf(operation, undefined))
  activate(context, facts, operation)
  return AGAIN
}

/** A successful call normally never returns: the node reboots. */
function activate(context: StepContext, facts: Facts, operation: OperationRecord): void {
  const os = facts.os.state === 'present' ? facts.os.os : undefined
  const extras = facts.agent.state === 'described' ? renderExtras(os, operation) : undefined
  context.calls.start('activate', operation.id, async ({ signal }) => {
    try {
      if (operation.type === 'rollback') await context.agent.rollback(extras, signal)
      else await context.agent.upgrade(extras, signal)
    } catch (error) {
      // The request was sent; a connection that breaks then is what a reboot looks like.
      if (!isOsError(error, 'socket-closed') && !isOsError(error, 'socket-timed-out')) throw error
    } finally {
      context.agentView.invalidate()
    }
  })
}

/** At once when it changed, else each 10 s (decision 19). */
async function report(context: StepContext, facts: Facts, signal: AbortSignal): Promise<void> {
  const params = renderReport(facts)
  if (params === undefined) return
  const text = JSON.stringify(params)
  const { memory, clock } = context
  const nowMs = clock.monotonicMs()
  if (memory.report?.text === text && nowMs - memory.report.atMs < REPORT_EVERY_MS) return
  try {
    await context.agent.report(params, signal)
    memory.report = { text, atMs: nowMs }
  } catch (error) {
    // The next look repeats it; the agent never decides on silence.
    context.log.debug('Cannot report to the agent', { error: toOsError(error).message })
  }
}

const REPORT_EVERY_MS = 10_000

function after({ clock }: StepContext, untilMs: number): Applied {
  return { again: false, afterMs: Math.max(0, untilMs - clock.nowMs()) }
}

function presentOs(facts: Facts): Os {
  assert(facts.os.state === 'present', 'a step was decided without an OS object')
  return facts.os.os
}

function nodeOf({ view }: StepContext): Node {
  const node = view.node.get()
  assert(node !== undefined, 'a step was decided without a Node')
  return node
}
