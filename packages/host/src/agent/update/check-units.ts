// Looks at systemd's units for the health gate: those that were named, and any failed unit that a
// target of the boot requires. Where systemd does not run (light nodes) there is nothing to ask.
import { isOsError } from '@kubenest/base/errors'
import type { ExecResult } from '@kubenest/base/exec'
import { stat } from '@kubenest/base/files'
import type { EngineContext } from './engine-context.ts'
import type { HealthConfig } from './health-config.ts'
import type { CheckResult } from './judge-health.ts'

/** The gate's own unit is never a reason against the trial. */
const GATE_UNIT = 'kubenest-gate.service'
/** Exists exactly where systemd is the system's first process (sd_booted). */
const SYSTEMD_RUNS = '/run/systemd/system'
const ANSWER_LIMIT_MS = 10_000
const FAILED_UNITS_MAX = 50

/** Looks once at all units that are required. */
export async function checkUnits(
  context: EngineContext,
  config: Pick<HealthConfig, 'units' | 'unitsIfEnabled'>,
): Promise<CheckResult[]> {
  const units = [...config.units, ...(await enabledUnits(context, config))]
  const looks = await Promise.all(units.map((unit) => checkUnit(context, unit)))
  return [...looks, ...(await checkFailed(context))]
}

/** Those of the units that are asked for only where they start by themselves. */
export async function enabledUnits(
  context: EngineContext,
  { unitsIfEnabled }: Pick<HealthConfig, 'unitsIfEnabled'>,
): Promise<string[]> {
  const found = await Promise.all(
    unitsIfEnabled.map(async (unit) => ((await isEnabled(context, unit)) ? [unit] : [])),
  )
  return found.flat()
}

/** True when systemd runs here. */
export async function isSystemdRunning(context: EngineContext): Promise<boolean> {
  return (await stat(context.sysroot.path(SYSTEMD_RUNS))) !== undefined
}

/** True when a unit starts by itself; without systemctl none does. */
export async function isEnabled(context: EngineContext, unit: string): Promise<boolean> {
  try {
    return (await systemctl(context, ['is-enabled', unit])).exitCode === 0
  } catch (error) {
    if (isOsError(error, 'command-not-started')) return false
    throw error
  }
}

async function checkUnit(context: EngineContext, unit: string): Promise<CheckResult> {
  const { stdout, stderr } = await systemctl(context, ['is-active', unit])
  const word = stdout.trim()
  if (word === 'active' || word === 'reloading') return { name: unit, state: 'green', reason: '' }
  const reason =
    word === ''
      ? `Unit ${unit} cannot be asked: ${stderr.trim().slice(0, 200)}`
      : `Unit ${unit} is ${word}`
  return { name: unit, state: word === 'failed' ? 'red' : 'pending', reason }
}

async function checkFailed(context: EngineContext): Promise<CheckResult[]> {
  if (!(await isSystemdRunning(context))) return []
  const listed = await systemctl(context, [
    'list-units',
    '--state=failed',
    '--plain',
    '--no-legend',
    '--full',
  ])
  if (listed.exitCode !== 0) {
    const reason = `systemd does not tell which units failed: ${listed.stderr.trim().slice(0, 200)}`
    return [{ name: 'failed units', state: 'pending', reason }]
  }
  const names = listed.stdout.split('\n').map((line) => line.trim().split(/\s+/)[0] ?? '')
  const failed = names.filter((name) => name !== '' && name !== GATE_UNIT)
  const looks = failed.slice(0, FAILED_UNITS_MAX).map((unit) => checkFailedUnit(context, unit))
  return (await Promise.all(looks)).flat()
}

/** Failed units that nothing of the boot requires are none of the gate's business. */
async function checkFailedUnit(context: EngineContext, unit: string): Promise<CheckResult[]> {
  const { stdout } = await systemctl(context, [
    'show',
    '--property=RequiredBy,RequisiteOf,BoundBy',
    '--value',
    '--',
    unit,
  ])
  const target = stdout.split(/\s+/).find((name) => name.endsWith('.target'))
  if (target === undefined) return []
  return [
    { name: unit, state: 'red', reason: `Unit ${unit}, which ${target} requires, has failed` },
  ]
}

function systemctl(context: EngineContext, words: readonly string[]): Promise<ExecResult> {
  return context.exec.run({ argv: ['systemctl', ...words], timeoutMs: ANSWER_LIMIT_MS })
}
