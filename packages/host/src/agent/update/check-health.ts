// Looks at the node for the health gate: mounts, units, sockets, addresses. Only what is local.
import { OsError } from '@kubenest/base/errors'
import { readText } from '@kubenest/base/files'
import { dialUnixSocket } from '../../linux/unix-dial.ts'
import type { EngineContext } from './engine-context.ts'
import type { HealthConfig } from './health-config.ts'
import type { CheckResult } from './judge-health.ts'

const ANSWER_LIMIT_MS = 3_000

/** Looks once at everything that is required. */
export async function checkHealth(
  context: EngineContext,
  config: HealthConfig,
): Promise<CheckResult[]> {
  const mounts = (await readText(context.sysroot.path('/proc/mounts'))) ?? ''
  const looks = await Promise.all([
    ...config.units.map((unit) => checkUnit(context, unit)),
    ...config.unitsIfEnabled.map((unit) => checkEnabledUnit(context, unit)),
    ...config.sockets.map((socket) => checkSocket(context, socket)),
    ...config.http.map((url) => checkAddress(url)),
  ])
  return [...config.mounts.map((point) => checkMount(mounts, point)), ...looks]
}

/** True when the kernel has a default route. */
export async function hasDefaultRoute(context: EngineContext): Promise<boolean> {
  const four = (await readText(context.sysroot.path('/proc/net/route'))) ?? ''
  const six = (await readText(context.sysroot.path('/proc/net/ipv6_route'))) ?? ''
  return (
    /^\S+\t00000000\t/m.test(four) ||
    six.split('\n').some((line) => /^0{32} 00 /.test(line) && !/\slo$/.test(line))
  )
}

function checkMount(mounts: string, point: string): CheckResult {
  const isMounted = mounts.split('\n').some((line) => line.split(' ')[1] === point)
  return isMounted ? green(point) : notGreen(point, 'red', `${point} is not mounted`)
}

async function checkEnabledUnit(context: EngineContext, unit: string): Promise<CheckResult> {
  try {
    const result = await context.exec.run({ argv: ['systemctl', 'is-enabled', unit] })
    return result.exitCode === 0 ? await checkUnit(context, unit) : green(unit)
  } catch (error) {
    // Without systemd nothing is enabled.
    if (error instanceof OsError && error.code === 'command-not-started') return green(unit)
    throw error
  }
}

async function checkUnit(context: EngineContext, unit: string): Promise<CheckResult> {
  const result = await context.exec.run({ argv: ['systemctl', 'is-active', unit] })
  const state = result.stdout.trim()
  if (state === 'active') return green(unit)
  return notGreen(unit, state === 'failed' ? 'red' : 'pending', `Unit ${unit} is ${state}`)
}

async function checkSocket(context: EngineContext, socket: string): Promise<CheckResult> {
  try {
    const connection = await dialUnixSocket(context.sysroot.path(socket))
    connection.close()
    return green(socket)
  } catch {
    return notGreen(socket, 'pending', `Nothing answers at ${socket}`)
  }
}

async function checkAddress(url: string): Promise<CheckResult> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) })
    await response.body?.cancel()
    if (response.ok) return green(url)
    return notGreen(url, 'pending', `${url} answers ${response.status}`)
  } catch {
    return notGreen(url, 'pending', `Nothing answers at ${url}`)
  }
}

function green(name: string): CheckResult {
  return { name, state: 'green', reason: '' }
}

function notGreen(name: string, state: 'pending' | 'red', reason: string): CheckResult {
  return { name, state, reason }
}
