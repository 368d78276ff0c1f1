// Connects to a unix socket as a client (os-agent status).
import { connect } from 'node:net'
import { OsError } from '@kubenest/base/errors'
import { wrapSocket, type PeerConnection } from './unix-listener.ts'

/** Connects; throws code `agent-not-reachable` when nobody serves the path. */
export function dialUnixSocket(path: string): Promise<PeerConnection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    socket.once('connect', () => resolve(wrapSocket(socket)))
    socket.once('error', (cause) =>
      reject(
        new OsError('transient', {
          code: 'agent-not-reachable',
          message: `Cannot reach the agent at ${path}: ${cause.message}; look at systemctl status os-agent.socket os-agent.service`,
          fields: { path },
          cause,
        }),
      ),
    )
  })
}
