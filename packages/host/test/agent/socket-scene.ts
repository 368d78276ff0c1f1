// An agent that serves a socket in a folder of its own, with a held engine instead of disks.
import { lstatSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { silentLogger, type LogFields } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { serveAgent } from '../../src/agent/serve-agent.ts'
import { createFakeClock, until, type FakeClock } from './fake-clock.ts'
import { createFakeEngine, type FakeEngine } from './fake-engine.ts'

export interface SocketScene {
  readonly folder: string
  readonly engine: FakeEngine
  readonly clock: FakeClock
  /** What the agents of this scene wrote to the audit log. */
  readonly audited: readonly LogFields[]
  /** Settles when the agent serves; throws what kept it from that. */
  start(socketPath?: string): Promise<void>
  /** Stops every agent that was started. */
  stopAll(): Promise<void>
  /** Stops them and removes the folder. */
  close(): Promise<void>
  readonly socketPath: string
}

export function createSocketScene(): SocketScene {
  const folder = mkdtempSync(path.join(tmpdir(), 'agent-socket-'))
  const ownPath = path.join(folder, 'run', 'os-agent.sock')
  const engine = createFakeEngine()
  const clock = createFakeClock()
  const audited: LogFields[] = []
  let stops: (() => Promise<void>)[] = []

  async function start(socketPath = ownPath): Promise<void> {
    const abort = new AbortController()
    let isServing = false
    const served = serveAgent({
      engine,
      socketPath,
      sysroot: createSysRoot(folder),
      clock,
      exec: systemExec,
      log: { ...silentLogger, info: (message) => (isServing ||= message === 'serving') },
      auditLog: { ...silentLogger, info: (_, fields) => void audited.push(fields ?? {}) },
      env: {},
      stop: abort.signal,
      ownerUid: process.getuid?.() ?? 0,
    })
    let fault: unknown
    served.catch((error: unknown) => (fault = error))
    await until(() => fault !== undefined || isServing)
    if (fault !== undefined) throw fault as Error
    stops.push(async () => {
      abort.abort()
      await served
    })
  }

  async function stopAll(): Promise<void> {
    for (const stop of stops) await stop()
    stops = []
  }

  async function close(): Promise<void> {
    await stopAll()
    rmSync(folder, { recursive: true })
  }

  return { folder, engine, clock, audited, start, stopAll, close, socketPath: ownPath }
}

export function modeOf(file: string): number | undefined {
  const stat = lstatSync(file, { throwIfNoEntry: false })
  return stat === undefined ? undefined : stat.mode & 0o777
}
