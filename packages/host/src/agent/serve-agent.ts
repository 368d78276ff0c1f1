// The life of the serving agent: take the socket, finish what a crash left, serve, end in order.
import type { Clock } from '@kubenest/base/clock'
import { toOsError } from '@kubenest/base/errors'
import type { Exec } from '@kubenest/base/exec'
import type { Logger } from '@kubenest/base/log'
import type { SysRoot } from '@kubenest/base/sysroot'
import { activatedSocket } from '../linux/socket-activation.ts'
import { claimSocketPath, openSocketToGroup } from '../linux/socket-path.ts'
import { listenOnUnixSocket } from '../linux/unix-listener.ts'
import { createAudit } from './audit.ts'
import { createHandlers } from './handlers.ts'
import { watchIdle, type IdleWatch } from './idle-exit.ts'
import { createOperationLog } from './operation-log.ts'
import { openOperationMemory } from './operation-memory.ts'
import { createOperationRunner } from './operation-runner.ts'
import { createConnectionServer } from './server.ts'
import { lazySettings } from './settings/lazy-settings.ts'
import type { Settings } from './settings/settings.ts'
import type { UpdateEngine } from './update/update-engine.ts'

/** Time for a cancelled operation to end; the program has 5 s in all. */
const STOP_LIMIT_MS = 4000

/** What a serving agent needs. */
export interface AgentDeps {
  readonly engine: UpdateEngine
  readonly socketPath: string
  readonly sysroot: SysRoot
  readonly clock: Clock
  readonly exec: Exec
  readonly log: Logger
  /** Gets one line per accepted operation, whatever the level of `log`. */
  readonly auditLog: Logger
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stop: AbortSignal
  /** Root: the user who is served and who owns settings files. */
  readonly ownerUid: number
}

/** Serves until it is stopped, or idle under socket activation. */
export async function serveAgent(deps: AgentDeps): Promise<void> {
  const { clock, log, engine } = deps
  const inheritedFd = activatedSocket(deps.env)
  const lock = inheritedFd === undefined ? await claimSocketPath(deps.socketPath) : undefined
  await engine.recover()
  const memory = await openOperationMemory(deps)
  const operations = createOperationLog(clock, memory)
  const runner = createOperationRunner({ operations, log, audit: createAudit(deps.auditLog) })
  const settings = lazySettings(deps)
  await recoverSettings(settings, log)
  const methods = createHandlers({
    engine,
    operations,
    runner,
    settings,
  })
  const ended = Promise.withResolvers<void>()
  let idle: IdleWatch | undefined
  const server = createConnectionServer({
    methods,
    clientUid: deps.ownerUid,
    clock,
    log,
    onQuiet: () => idle?.touch(),
  })
  const target = inheritedFd === undefined ? { path: deps.socketPath } : { fd: inheritedFd }
  const listener = await listenOnUnixSocket(target, (connection) => server.accept(connection))
  if (inheritedFd === undefined) await openSocketToGroup(deps.socketPath, deps.ownerUid)
  else {
    const isNeeded = async () =>
      server.openConnections() > 0 ||
      runner.isBusy() ||
      engine.hasBackgroundWork() ||
      (await isTrialPending(engine, log))
    idle = watchIdle(clock, isNeeded, ended.resolve)
  }
  log.info('serving', { activated: inheritedFd !== undefined })
  deps.stop.addEventListener('abort', () => ended.resolve(), { once: true })
  if (deps.stop.aborted) ended.resolve()
  await ended.promise
  idle?.cancel()
  listener.stop()
  await Promise.race([runner.stop(), clock.sleep(STOP_LIMIT_MS)])
  await memory.settled()
  server.close()
  await lock?.release()
  log.info('stopped')
}

/** Settings that cannot be taken back must not keep the agent from updating the node. */
async function recoverSettings(settings: Settings, log: Logger): Promise<void> {
  try {
    await settings.recover()
  } catch (error) {
    log.error('unfinished settings cannot be taken back', { reason: toOsError(error).message })
  }
}

async function isTrialPending(engine: UpdateEngine, log: Logger): Promise<boolean> {
  try {
    return (await engine.describe()).trial?.verdict === 'InTrial'
  } catch (error) {
    log.warn('the state of the trial cannot be read', { reason: toOsError(error).message })
    return false
  }
}
