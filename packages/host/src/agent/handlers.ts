// The agent's methods: the documented four, and `status`, `cancel`, `report` for our own proxy.
// Each checks its parameters first, so that bad ones are told even while another request runs.
import type {
  AgentStatus,
  ConfigureParams,
  OperationExtras,
  StatusWordResult,
} from '@kubenest/api/agent/rpc'
import { toOsError } from '@kubenest/base/errors'
import { buildInfo } from '@kubenest/base/version'
import type { OperationLog } from './operation-log.ts'
import type { OperationRunner } from './operation-runner.ts'
import type { MethodAnswer, MethodTable } from './rpc/answer-message.ts'
import {
  checkConfigureParams,
  checkExtras,
  checkNoParams,
  checkPrepareParams,
  checkReport,
} from './rpc/check-params.ts'
import type { UpdateEngine } from './update/update-engine.ts'

/** What a proxy may rely on beside the documented four methods. */
export const CAPABILITIES = ['status', 'cancel', 'report', 'trial'] as const

/** What the methods need. */
export interface HandlerDeps {
  readonly engine: UpdateEngine
  readonly configure: (params: ConfigureParams) => Promise<void>
  readonly operations: OperationLog
  readonly runner: OperationRunner
}

/** The table of methods. */
export function createHandlers(deps: HandlerDeps): MethodTable {
  return new Map([
    ['prepare_upgrade', (params: unknown) => prepareUpgrade(deps, params)],
    ['upgrade', (params: unknown) => arm(deps, 'upgrade', checkExtras(params))],
    ['rollback', (params: unknown) => arm(deps, 'rollback', checkExtras(params))],
    ['configure', (params: unknown) => configure(deps, params)],
    ['status', (params: unknown) => status(deps, params)],
    ['cancel', (params: unknown) => cancel(deps, params)],
    ['report', (params: unknown) => report(deps, params)],
  ])
}

async function prepareUpgrade(deps: HandlerDeps, params: unknown): Promise<MethodAnswer> {
  const request = checkPrepareParams(params)
  const start = {
    id: idOf(request),
    type: 'prepare',
    phase: 'Fetching',
    message: `Preparing ${request.version}`,
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
): Promise<MethodAnswer> {
  const start = { id: idOf(extras), type, phase: 'Arming', message: 'Arming a slot' } as const
  let release = () => {}
  await deps.runner.run(start, async () => {
    await (type === 'upgrade' ? deps.engine.activate(extras) : deps.engine.rollBack(extras))
    release = deps.runner.hold()
    return { phase: 'Armed', message: 'The other slot boots next; the node reboots now' }
  })
  return {
    ...statusWord(type === 'upgrade' ? 'Upgraded' : 'Rollbacked'),
    afterFlush: () => reboot(deps, release),
  }
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

async function configure(deps: HandlerDeps, params: unknown): Promise<MethodAnswer> {
  const request = checkConfigureParams(params)
  const start = {
    id: crypto.randomUUID(),
    type: 'configure',
    phase: 'Writing',
    message: `Applying ${request.configs.length} settings`,
  } as const
  await deps.runner.run(start, async () => {
    await deps.configure(request)
    return { phase: 'Idle', message: 'Settings are applied' }
  })
  return statusWord('Configured')
}

async function status(deps: HandlerDeps, params: unknown): Promise<MethodAnswer> {
  checkNoParams(params)
  const operation = deps.operations.view()
  const result: AgentStatus = {
    agentVersion: buildInfo.version,
    capabilities: [...CAPABILITIES],
    ...(await deps.engine.describe()),
    ...(operation === undefined ? {} : { operation }),
  }
  return { result }
}

async function cancel(deps: HandlerDeps, params: unknown): Promise<MethodAnswer> {
  checkNoParams(params)
  await deps.runner.cancel()
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
