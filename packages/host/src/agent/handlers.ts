// The agent's methods: the documented four; `status`, `slots`, `cancel`, `report` for our own
// proxy; `plan`, `drift`, `undo` of settings.
// Each checks its parameters first, so that bad ones are told even while another request runs.
import type {
  AgentStatus,
  OperationExtras,
  SlotsResult,
  StatusWordResult,
} from '@kubenest/api/agent/rpc'
import type { UndoSettingsResult } from '@kubenest/api/agent/settings'
import { toOsError } from '@kubenest/base/errors'
import { buildInfo } from '@kubenest/base/version'
import { sha256Hex } from '../linux/sha256.ts'
import { describeFeatures } from './features.ts'
import type { OperationLog } from './operation-log.ts'
import type { OperationRunner } from './operation-runner.ts'
import type { MethodAnswer, MethodTable } from './rpc/answer-message.ts'
import type { Caller } from './rpc/caller.ts'
import {
  checkConfigureParams,
  checkExtras,
  checkNoParams,
  checkPrepareParams,
  checkReport,
  checkUndoParams,
} from './rpc/check-params.ts'
import type { Settings } from './settings/settings.ts'
import type { UpdateEngine } from './update/update-engine.ts'

/** What a proxy may rely on beside the documented four methods. */
export const CAPABILITIES = ['status', 'cancel', 'report', 'trial'] as const

/** What the methods need. */
export interface HandlerDeps {
  readonly engine: UpdateEngine
  readonly settings: Settings
  readonly operations: OperationLog
  readonly runner: OperationRunner
}

/** The table of methods. */
export function createHandlers(deps: HandlerDeps): MethodTable {
  const methods: MethodTable = new Map([
    ['prepare_upgrade', (params, caller) => prepareUpgrade(deps, params, caller)],
    ['upgrade', (params, caller) => arm(deps, 'upgrade', checkExtras(params), caller)],
    ['rollback', (params, caller) => arm(deps, 'rollback', checkExtras(params), caller)],
    ['configure', (params, caller) => configure(deps, params, caller)],
    ['undo', (params, caller) => undo(deps, params, caller)],
    [
      'plan',
      async (params) => ({ result: await deps.settings.plan(checkConfigureParams(params)) }),
    ],
    ['drift', (params) => drift(deps, params)],
    ['status', (params) => status(deps, params, methods)],
    ['slots', (params) => slots(deps, params)],
    ['cancel', (params, caller) => cancel(deps, params, caller)],
    ['report', (params) => report(deps, params)],
  ])
  return methods
}

async function prepareUpgrade(
  deps: HandlerDeps,
  params: unknown,
  caller: Caller,
): Promise<MethodAnswer> {
  const request = checkPrepareParams(params)
  const start = {
    id: idOf(request),
    type: 'prepare',
    phase: 'Fetching',
    message: `Preparing ${request.version}`,
    version: request.version,
    digest: request.check_sum.toLowerCase(),
    caller,
  } as const
  await deps.runner.run(start, async (signal) => {
    await deps.engine.prepare(request, (update) => deps.operations.progress(update), signal)
    return { phase: 'SlotVerified', message: `${request.version} is written and verified` }
  })
  return statusWord('UpgradeReady')
}

async function arm(
  deps: HandlerDeps,
  type: 'upgrade' | 'rollback',
  extras: OperationExtras,
  caller: Caller,
): Promise<MethodAnswer> {
  const message = 'Arming a slot'
  const start = { id: idOf(extras), type, phase: 'Arming', message, caller } as const
  let release = () => {}
  const outcome = await deps.runner.run(start, async () => {
    await (type === 'upgrade' ? deps.engine.activate(extras) : deps.engine.rollBack(extras))
    release = deps.runner.hold()
    return { phase: 'Armed', message: 'The other slot boots next; the node reboots now' }
  })
  const answer = statusWord(type === 'upgrade' ? 'Upgraded' : 'Rollbacked')
  // The first caller's answer is followed by the reboot; one reboot is enough.
  return outcome === 'joined' ? answer : { ...answer, afterFlush: () => reboot(deps, release) }
}

async function reboot(deps: HandlerDeps, release: () => void): Promise<void> {
  try {
    await deps.engine.reboot()
  } catch (error) {
    // Without a reboot the node would answer "busy" for ever.
    release()
    deps.operations.fail(toOsError(error))
    throw error
  }
}

async function configure(
  deps: HandlerDeps,
  params: unknown,
  caller: Caller,
): Promise<MethodAnswer> {
  const request = checkConfigureParams(params)
  const start = {
    id: request.operation_id ?? crypto.randomUUID(),
    type: 'configure',
    phase: 'Writing',
    message: `Applying ${request.configs.length} settings`,
    // A repeat that wants a restart asks for more than the one that runs.
    digest: sha256Hex(JSON.stringify([request.configs, request.restart === true])),
    caller,
  } as const
  await deps.runner.run(start, async () => {
    await deps.settings.configure(request)
    return { phase: 'Idle', message: 'Settings are applied' }
  })
  return statusWord('Configured')
}

async function undo(deps: HandlerDeps, params: unknown, caller: Caller): Promise<MethodAnswer> {
  const request = checkUndoParams(params)
  const message = 'Going back to before the last settings'
  const id = crypto.randomUUID()
  const start = { id, type: 'undo', phase: 'Writing', message, caller } as const
  let result: UndoSettingsResult | undefined
  await deps.runner.run(start, async () => {
    result = await deps.settings.undo(request)
    return { phase: 'Idle', message: 'The last settings are undone' }
  })
  return { result }
}

async function drift(deps: HandlerDeps, params: unknown): Promise<MethodAnswer> {
  checkNoParams(params)
  return { result: await deps.settings.drift() }
}

async function status(
  deps: HandlerDeps,
  params: unknown,
  methods: MethodTable,
): Promise<MethodAnswer> {
  checkNoParams(params)
  const operation = deps.operations.view()
  const settings = await deps.settings.status()
  const result: AgentStatus = {
    agentVersion: buildInfo.version,
    capabilities: [...CAPABILITIES],
    features: describeFeatures([...methods.keys()]),
    ...(await deps.engine.describe()),
    ...(operation === undefined ? {} : { operation }),
    ...(settings === undefined ? {} : { settings }),
  }
  return { result }
}

async function slots(deps: HandlerDeps, params: unknown): Promise<MethodAnswer> {
  checkNoParams(params)
  return { result: { slots: await deps.engine.slots() } satisfies SlotsResult }
}

async function cancel(deps: HandlerDeps, params: unknown, caller: Caller): Promise<MethodAnswer> {
  checkNoParams(params)
  await deps.runner.cancel(caller)
  return { result: { status: 'Cancelled' } }
}

async function report(deps: HandlerDeps, params: unknown): Promise<MethodAnswer> {
  await deps.engine.report(checkReport(params))
  return { result: { status: 'Reported' } }
}

function statusWord(status: StatusWordResult['status']): MethodAnswer {
  return { result: { status } satisfies StatusWordResult }
}

function idOf(extras: OperationExtras): string {
  return extras.operation_id ?? crypto.randomUUID()
}
