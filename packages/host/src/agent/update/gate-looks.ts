// The looks of the health gate, one after the other, until a trial is decided; and the settings
// that they follow. A look that breaks is not a verdict.
import type { ReportParams } from '@kubenest/api/agent/rpc'
import { toOsError } from '@kubenest/base/errors'
import { readText } from '@kubenest/base/files'
import { findBootLayout } from '../bootloader/boot-layout.ts'
import { checkHealth, checkWanted, hasDefaultRoute } from './check-health.ts'
import { RUN_FOLDER, type EngineContext } from './engine-context.ts'
import { HEALTH_CONFIG_FILE, parseHealthConfig, type HealthConfig } from './health-config.ts'
import { judgeHealth, type HealthVerdict } from './judge-health.ts'
import type { OperationRecord } from './journal-state.ts'
import { keepOpenChecks } from './open-checks.ts'

/** Well below the limit of the deadline's unit, milliseconds. */
const REASONS_LIMIT_MS = 60_000

/** What the proxy said last in this boot. */
export const REPORT_FILE = `${RUN_FOLDER}/report`

/** Looks until there is a verdict; `ageMs` is the age of the trial now. */
export async function lookUntilDecided(
  context: EngineContext,
  operation: OperationRecord | undefined,
  ageMs: number,
  signal: AbortSignal,
): Promise<HealthVerdict> {
  const startedMs = context.clock.monotonicMs() - ageMs
  let told = ''
  for (let redLooks = 0; ;) {
    const elapsedMs = context.clock.monotonicMs() - startedMs
    const config = await trialConfig(context, operation)
    const verdict = await look(context, operation, config, elapsedMs, redLooks)
    if (verdict.kind !== 'wait') return verdict
    redLooks = verdict.redLooks
    told = await tellWait(context, verdict.waitsFor, { elapsedMs, told })
    await context.clock.sleep(pauseMs(config, elapsedMs), signal)
  }
}

/** The first look that may decide comes when the least uptime is over, not an interval later. */
function pauseMs({ lookIntervalMs, leastUptimeMs }: HealthConfig, elapsedMs: number): number {
  if (elapsedMs >= leastUptimeMs) return lookIntervalMs
  return Math.min(lookIntervalMs, leastUptimeMs - elapsedMs)
}

/** Once for each change, so that the journal shows when the last check turned green. */
async function tellWait(
  context: EngineContext,
  waitsFor: readonly string[],
  { elapsedMs, told }: { readonly elapsedMs: number; readonly told: string },
): Promise<string> {
  const text = waitsFor.join('; ')
  if (text === told) return told
  context.log.info('the gate waits', { seconds: Math.round(elapsedMs / 1000), waitsFor: text })
  await keepOpenChecks(context, waitsFor)
  return text
}

/**
 * What is not green right now, as sentences; nothing when that cannot be told in time: whoever asks
 * has something to do that must not wait for a look that hangs.
 */
export async function openReasons(context: EngineContext, config: HealthConfig): Promise<string[]> {
  const isDone = new AbortController()
  const tooLate = context.clock.sleep(REASONS_LIMIT_MS, isDone.signal).then(
    () => [],
    () => [],
  )
  try {
    const checks = await Promise.race([checkHealth(context, config), tooLate])
    return checks.filter((check) => check.state !== 'green').map((check) => check.reason)
  } finally {
    isDone.abort()
  }
}

/**
 * The file of the image; a deadline sent with the operation wins. A broken file gives the defaults.
 */
export async function trialConfig(
  context: EngineContext,
  operation: OperationRecord | undefined,
): Promise<HealthConfig> {
  const config = await readHealthConfig(context)
  const seconds = operation?.health?.deadlineSeconds
  return seconds === undefined ? config : { ...config, deadlineMs: seconds * 1000 }
}

async function look(
  context: EngineContext,
  operation: OperationRecord | undefined,
  config: HealthConfig,
  elapsedMs: number,
  redLooksBefore: number,
): Promise<HealthVerdict> {
  try {
    return judgeHealth({
      config,
      elapsedMs,
      ...(await checkAll(context, config)),
      redLooksBefore,
      report: await readReport(context),
      policy: operation?.health?.policy ?? 'Strict',
      hadDefaultRoute: operation?.hadDefaultRoute ?? false,
      hasDefaultRoute: await hasDefaultRoute(context),
    })
  } catch (cause) {
    const reason = `The node could not be looked at: ${toOsError(cause).message}`
    context.log.warn('a look of the gate failed', { reason })
    return elapsedMs < config.deadlineMs
      ? { kind: 'wait', redLooks: redLooksBefore, waitsFor: [reason] }
      : { kind: 'fall-back', reasons: [reason] }
  }
}

/** Side by side: the slowest question sets the pace of the looks. */
async function checkAll(context: EngineContext, config: HealthConfig) {
  const [checks, wanted] = await Promise.all([
    checkHealth(context, config),
    checkWanted(context, config),
  ])
  return { checks, wanted }
}

async function readHealthConfig(context: EngineContext): Promise<HealthConfig> {
  const { mountPoint } = await findBootLayout(context.sysroot)
  try {
    return parseHealthConfig(await readText(context.sysroot.path(HEALTH_CONFIG_FILE)), mountPoint)
  } catch (error) {
    // A typing error in one file must neither commit nor condemn an image: the defaults are strict.
    context.log.warn('health.toml is broken; its defaults apply', {
      reason: toOsError(error).message,
    })
    return parseHealthConfig(undefined, mountPoint)
  }
}

async function readReport(context: EngineContext): Promise<ReportParams | undefined> {
  const text = await readText(context.sysroot.path(REPORT_FILE))
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as ReportParams
  } catch {
    // Caught in the middle of a write: the next look reads it again.
    return undefined
  }
}
