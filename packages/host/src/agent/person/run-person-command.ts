// Carries out what a person asked for on the node. What the serving agent owns (operations,
// settings) is asked of it; slots and files are looked at in this process, under the same locks, so
// that a node whose agent does not start can still be understood.
import type { AgentSlotDetail, AgentStatus } from '@kubenest/api/agent/rpc'
import type {
  PlanSettingsResult,
  SettingsDriftResult,
  UndoSettingsResult,
} from '@kubenest/api/agent/settings'
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { readText } from '@kubenest/base/files'
import { printable } from '../../printable.ts'
import type { Audit } from '../audit.ts'
import type { PersonCommand } from '../command-line.ts'
import type { Caller } from '../rpc/caller.ts'
import { callAgent } from '../rpc/call-agent.ts'
import type { EngineDeps } from '../update/engine-context.ts'

/** Arming reads the whole slot back first. */
const ARM_LIMIT_MS = 15 * 60_000
const SETTINGS_LIMIT_MS = 5 * 60_000
const SLOT_DIFFERS = 65

/** What a person's command needs. */
export interface PersonDeps {
  readonly socketPath: string
  readonly clock: Clock
  readonly stdout: (text: string) => void
  readonly stop: AbortSignal
  /** Made when the command works on this node itself. */
  readonly engine: () => Promise<EngineDeps>
  readonly audit: Audit
  /** The person, as far as the system knows. */
  readonly caller: Caller
}

/** Runs a command to its end; returns the exit code. */
export async function runPersonCommand(deps: PersonDeps, command: PersonCommand): Promise<number> {
  const { result, text, exitCode } = await carryOut(deps, command)
  deps.stdout(printable(command.isJson ? `${JSON.stringify(result, null, 2)}\n` : text))
  return exitCode
}

interface Outcome {
  readonly result: unknown
  readonly text: string
  readonly exitCode: number
}

function carryOut(deps: PersonDeps, command: PersonCommand): Promise<Outcome> {
  switch (command.name) {
    case 'status':
      return status(deps)
    case 'slots':
      return slots(deps)
    case 'verify':
      return verify(deps)
    case 'mark-good':
      return markGood(deps)
    case 'rollback':
      return rollBack(deps)
    case 'cancel':
      return cancel(deps)
    case 'allow':
      return allow(deps, command.image)
    case 'release-file':
      return releaseFile(deps, command.path)
    case 'plan':
      return plan(deps, command.path)
    case 'drift':
      return drift(deps)
    case 'undo':
      return undo(deps)
  }
}

async function status(deps: PersonDeps): Promise<Outcome> {
  const { renderStatus } = await import('./render-status.ts')
  const result = (await ask(deps, 'status')) as AgentStatus
  return done(result, renderStatus(result))
}

async function slots(deps: PersonDeps): Promise<Outcome> {
  const { reportSlots } = await import('../update/report-slots.ts')
  const { renderSlots } = await import('./render-slots.ts')
  const result: AgentSlotDetail[] = await reportSlots(await contextOf(deps))
  return done({ slots: result }, renderSlots(result))
}

async function verify(deps: PersonDeps): Promise<Outcome> {
  const { verifySlots } = await import('../update/verify-slots.ts')
  const { renderVerifications } = await import('./render-slots.ts')
  const result = await verifySlots(await contextOf(deps), deps.stop)
  const exitCode = result.some(({ outcome }) => outcome === 'differs') ? SLOT_DIFFERS : 0
  return { result: { slots: result }, text: renderVerifications(result), exitCode }
}

async function markGood(deps: PersonDeps): Promise<Outcome> {
  const commands = await import('../update/mark-good.ts')
  const context = await contextOf(deps)
  deps.audit.accepted(deps.caller, { type: 'mark-good' })
  const result = await commands.markGood(context)
  const text =
    result.outcome === 'committed'
      ? `Slot ${result.slot} is kept and boots by itself from now on.\n`
      : `Slot ${result.slot} is kept already; nothing had to change.\n`
  return done(result, text)
}

async function rollBack(deps: PersonDeps): Promise<Outcome> {
  const result = await ask(deps, 'rollback', ARM_LIMIT_MS)
  return done(result, 'The other slot boots next, once, on trial; the node reboots now.\n')
}

async function cancel(deps: PersonDeps): Promise<Outcome> {
  return done(await ask(deps, 'cancel'), 'No preparation runs any more.\n')
}

async function allow(
  deps: PersonDeps,
  image: { readonly digest: string; readonly version: string },
): Promise<Outcome> {
  const { allowImage } = await import('../update/allow-image.ts')
  const context = await contextOf(deps)
  deps.audit.accepted(deps.caller, { type: 'allow', ...image })
  await allowImage(context, image)
  return done(image, `One more trial of ${image.version} (${image.digest}) is allowed here.\n`)
}

async function releaseFile(deps: PersonDeps, path: string): Promise<Outcome> {
  const commands = await import('../overlay/release-file.ts')
  const context = await contextOf(deps)
  deps.audit.accepted(deps.caller, { type: 'release-file' })
  const result = await commands.releaseFile(context, path)
  const text = `${result.path} is the image's from the next boot on; this node's version is kept as ${result.keptAs}\n`
  return done(result, text)
}

async function plan(deps: PersonDeps, path: string): Promise<Outcome> {
  const { parseSettingsFile } = await import('./settings-file.ts')
  const { renderPlan } = await import('./render-settings.ts')
  const text = await readText(path)
  if (text === undefined)
    throw new OsError('invalid', {
      code: 'config-settings-file',
      message: `Cannot read the settings file: ${path} does not exist`,
    })
  const params = [parseSettingsFile(text)]
  const result = (await ask(deps, 'plan', SETTINGS_LIMIT_MS, params)) as PlanSettingsResult
  return done(result, renderPlan(result))
}

async function drift(deps: PersonDeps): Promise<Outcome> {
  const { renderDrift } = await import('./render-settings.ts')
  const result = (await ask(deps, 'drift', SETTINGS_LIMIT_MS)) as SettingsDriftResult
  return done(result, renderDrift(result))
}

async function undo(deps: PersonDeps): Promise<Outcome> {
  const { renderUndo } = await import('./render-settings.ts')
  const result = (await ask(deps, 'undo', SETTINGS_LIMIT_MS)) as UndoSettingsResult
  return done(result, renderUndo(result))
}

function ask(
  { socketPath, clock }: PersonDeps,
  method: string,
  limitMs?: number,
  params?: readonly unknown[],
): Promise<unknown> {
  return callAgent(socketPath, method, clock, limitMs, params)
}

async function contextOf(deps: PersonDeps) {
  const { createEngineContext } = await import('../update/engine-context.ts')
  return createEngineContext(await deps.engine())
}

function done(result: unknown, text: string): Outcome {
  return { result, text, exitCode: 0 }
}
