// Looks at the node for the health gate: mounts, units, the agent, sockets, addresses. Only what is
// local. A look that fails is pending, never an end of the gate.
import type { AgentStatus } from '@kubenest/api/agent/rpc'
import { AGENT_SOCKET_PATHS } from '@kubenest/api/agent/rpc'
import { toOsError } from '@kubenest/base/errors'
import { readText } from '@kubenest/base/files'
import { dialUnixSocket } from '../../linux/unix-dial.ts'
import { callAgent } from '../rpc/call-agent.ts'
import { checkDropIns } from './check-drop-ins.ts'
import { checkUnits, enabledUnits } from './check-units.ts'
import type { EngineContext } from './engine-context.ts'
import type { HealthConfig } from './health-config.ts'
import type { CheckResult } from './judge-health.ts'

const ANSWER_LIMIT_MS = 3_000
/** The agent is started by the question, which takes seconds on a slow machine. */
const AGENT_ANSWER_LIMIT_MS = 20_000
const AGENT_ANSWERS_PER_DEADLINE = 6

/** Where services of a node answer by their documented defaults. */
const SERVICES: readonly (
  | { readonly unit: string; readonly socket: string; readonly url?: undefined }
  | { readonly unit: string; readonly url: string }
)[] = [
  { unit: 'containerd.service', socket: '/run/containerd/containerd.sock' },
  { unit: 'kubelet.service', url: 'http://127.0.0.1:10248/healthz' },
]

/** Looks once at what is wanted and no reason to fall back: programs of a person. */
export function checkWanted(context: EngineContext, config: HealthConfig): Promise<CheckResult[]> {
  return settle('The wanted checks', () => checkDropIns(context, 'wanted', config.checkLimitMs))
}

/** Looks once at everything that is required. */
export async function checkHealth(
  context: EngineContext,
  config: HealthConfig,
): Promise<CheckResult[]> {
  const looks = await Promise.all([
    settle('The mounts', () => checkMounts(context, config.mounts)),
    settle('The units', () => checkUnits(context, config)),
    settle('The required checks', () => checkDropIns(context, 'required', config.checkLimitMs)),
    settle('The services', () => checkServices(context, config)),
    ...config.sockets.map((socket) =>
      settle(socket, async () => [await checkSocket(context, config, socket)]),
    ),
    ...config.http.map((url) => settle(url, async () => [await checkAddress(url)])),
  ])
  return looks.flat()
}

/** An active unit is not yet a service that answers. */
async function checkServices(context: EngineContext, config: HealthConfig): Promise<CheckResult[]> {
  const enabled = await enabledUnits(context, config)
  const asked = SERVICES.filter(({ unit }) => enabled.includes(unit))
  return Promise.all(
    asked.map((service) =>
      service.url === undefined
        ? checkSocket(context, config, service.socket)
        : checkAddress(service.url),
    ),
  )
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

async function settle(what: string, task: () => Promise<CheckResult[]>): Promise<CheckResult[]> {
  try {
    return await task()
  } catch (cause) {
    return [notGreen(what, 'pending', `${what} could not be checked: ${toOsError(cause).message}`)]
  }
}

async function checkMounts(
  context: EngineContext,
  points: readonly string[],
): Promise<CheckResult[]> {
  const mounts = (await readText(context.sysroot.path('/proc/mounts'))) ?? ''
  const mounted = new Set(mounts.split('\n').map((line) => line.split(' ')[1]))
  return points.map((point) =>
    mounted.has(point) ? green(point) : notGreen(point, 'red', `${point} is not mounted`),
  )
}

/** At the agent's own socket a connection proves nothing: systemd accepts it for a dead agent. */
async function checkSocket(
  context: EngineContext,
  config: HealthConfig,
  socket: string,
): Promise<CheckResult> {
  if (AGENT_SOCKET_PATHS.some((path) => path === socket))
    return checkAgent(context, socket, agentLimitMs(config))
  try {
    const connection = await dialUnixSocket(context.sysroot.path(socket))
    connection.close()
    return green(socket)
  } catch {
    return notGreen(socket, 'pending', `Nothing answers at ${socket}`)
  }
}

/** Patient, but with several questions before the deadline. */
function agentLimitMs({ deadlineMs }: HealthConfig): number {
  const limitMs = Math.min(AGENT_ANSWER_LIMIT_MS, deadlineMs / AGENT_ANSWERS_PER_DEADLINE)
  return Math.max(ANSWER_LIMIT_MS, limitMs)
}

async function checkAgent(
  context: EngineContext,
  socket: string,
  limitMs: number,
): Promise<CheckResult> {
  const path = context.sysroot.path(socket)
  try {
    const answer = await callAgent(path, 'status', context.clock, limitMs)
    const { agentVersion } = answer as Partial<AgentStatus>
    if (typeof agentVersion === 'string') return green(socket)
    return notGreen(socket, 'pending', `What answers at ${socket} is not the agent`)
  } catch (cause) {
    const reason = toOsError(cause).message.slice(0, 300)
    return notGreen(socket, 'pending', `The agent does not answer status: ${reason}`)
  }
}

async function checkAddress(url: string): Promise<CheckResult> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) })
    await response.body?.cancel()
    if (response.ok) return green(url)
    return notGreen(url, 'pending', `${url} answers with status ${response.status}`)
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
