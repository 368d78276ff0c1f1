// The supervisor's child programs: starts them, restarts those that a cluster would restart, and
// tells when one ended that must not. Everything it starts dies with the supervisor.
import type { Clock } from '@kubenest/base/clock'
import { type Daemon, startDaemon, stopProcess } from '@kubenest/base/daemon'
import type { LabProcess } from './lab-record.ts'

/** How a child is treated. */
export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>
  /** What to do when it ends by itself. @defaultValue 'fail' */
  readonly onExit?: 'fail' | 'restart' | 'forget'
}

/** A started child. */
export interface Child {
  /** Resolves when this run of the program ended. */
  readonly exited: Promise<number>
  /** Ends it for good. */
  stop(graceMs: number): Promise<void>
  /** From now on it is restarted when it ends by itself: it has shown that it can run. */
  keepRunning(): void
}

export interface ProcessTable {
  start(name: string, argv: readonly [string, ...string[]], options?: ChildOptions): Child
  list(): LabProcess[]
  stopAll(graceMs: number): Promise<void>
}

interface Entry {
  readonly name: string
  daemon: Daemon
  restarts: number
  wanted: boolean
  onExit: 'fail' | 'restart' | 'forget'
}

const RESTART_AFTER_MS = 1000

/**
 * What a table needs; `changed` is called after each start, `failed` when a child ended that must
 * not.
 */
export interface ProcessTableDeps {
  readonly clock: Clock
  readonly logs: string
  readonly changed: () => void
  readonly failed: (name: string, exitCode: number) => void
}

/** Makes an empty table. */
export function createProcessTable(deps: ProcessTableDeps): ProcessTable {
  const entries = new Set<Entry>()
  const stop = async (entry: Entry, graceMs: number) => {
    entry.wanted = false
    await stopProcess(entry.daemon.identity, deps.clock, graceMs)
    entries.delete(entry)
    deps.changed()
  }
  return {
    start(name, argv, options = {}) {
      const run = () =>
        startDaemon({ argv, env: options.env ?? {}, logFile: `${deps.logs}/${name}.log` })
      const { onExit = 'fail' } = options
      const entry: Entry = { name, daemon: run(), restarts: 0, wanted: true, onExit }
      entries.add(entry)
      watchChild(deps, entries, entry, run)
      deps.changed()
      return {
        exited: entry.daemon.exited,
        stop: (graceMs) => stop(entry, graceMs),
        keepRunning: () => {
          entry.onExit = 'restart'
        },
      }
    },
    list: () =>
      [...entries].map(({ name, daemon, restarts }) => ({
        name,
        identity: daemon.identity,
        restarts,
      })),
    stopAll: async (graceMs) => {
      await Promise.all([...entries].map((entry) => stop(entry, graceMs)))
    },
  }
}

function watchChild(
  deps: ProcessTableDeps,
  entries: Set<Entry>,
  entry: Entry,
  run: () => Daemon,
): void {
  void entry.daemon.exited.then((exitCode) => {
    if (!entry.wanted) return
    if (entry.onExit === 'fail') return deps.failed(entry.name, exitCode)
    if (entry.onExit === 'forget') return void entries.delete(entry)
    deps.clock.schedule(RESTART_AFTER_MS, () => {
      if (!entry.wanted) return
      entry.daemon = run()
      entry.restarts += 1
      deps.changed()
      watchChild(deps, entries, entry, run)
    })
  })
}
