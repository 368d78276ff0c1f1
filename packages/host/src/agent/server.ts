// Serves the agent's socket: who may connect, how many at once, and when an idle agent may end.
import type { Clock } from '@kubenest/base/clock'
import type { Logger } from '@kubenest/base/log'
import { cgroupOf } from '../linux/peer-cgroup.ts'
import type { PeerCredentials } from '../linux/peer-credentials.ts'
import type { PeerConnection } from '../linux/unix-listener.ts'
import type { MethodTable } from './rpc/answer-message.ts'
import type { Caller } from './rpc/caller.ts'
import { serveConnection } from './rpc/serve-connection.ts'
import { throttleLog } from './rpc/throttle-log.ts'

/** Connections at one time (threat T8). */
export const CONNECTIONS_MAX = 16

/** What serving needs. */
export interface ServerDeps {
  readonly methods: MethodTable
  /** The only user who is served: root. */
  readonly clientUid: number
  readonly clock: Clock
  readonly log: Logger
  /** Called each time the last connection has ended. */
  readonly onQuiet: () => void
}

/** Connections being served. */
export interface ConnectionServer {
  accept(connection: PeerConnection): void
  openConnections(): number
  /** Ends all connections. */
  close(): void
}

/** Makes the server of accepted connections. */
export function createConnectionServer(deps: ServerDeps): ConnectionServer {
  // In order of arrival; the value tells whether a request of it runs.
  const open = new Map<PeerConnection, { busy: boolean }>()
  const complain = throttleLog(deps.log, deps.clock)

  function accept(connection: PeerConnection): void {
    const { peer } = connection
    if (peer === undefined || peer.uid !== deps.clientUid) {
      complain('warn', 'refused a client of another user', { uid: peer?.uid, pid: peer?.pid })
      return connection.close()
    }
    if (open.size >= CONNECTIONS_MAX && !closeOldestIdle()) {
      complain('warn', 'refused a client: too many requests run at once')
      return connection.close()
    }
    const state = { busy: false }
    open.set(connection, state)
    const onBusy = (busy: boolean) => {
      state.busy = busy
    }
    const caller = () => callerOf(peer)
    void serveConnection(connection, { ...deps, complain, caller, onBusy }).then(() =>
      forget(connection),
    )
  }

  /** A flood of silent clients must not shut out those that have something to say. */
  function closeOldestIdle(): boolean {
    const idle = [...open].find(([, state]) => !state.busy)?.[0]
    if (idle === undefined) return false
    idle.close()
    open.delete(idle)
    return true
  }

  function forget(connection: PeerConnection): void {
    open.delete(connection)
    if (open.size === 0) deps.onQuiet()
  }

  return {
    accept,
    openConnections: () => open.size,
    close: () => [...open.keys()].forEach((connection) => connection.close()),
  }
}

function callerOf({ pid, uid }: PeerCredentials): Caller {
  const cgroup = cgroupOf(pid)
  return { pid, uid, ...(cgroup === undefined ? {} : { cgroup }) }
}
