// A listening unix socket, at a path or inherited. Connections are pulled: nothing is read from a
// peer before it is asked for, so that a fast writer fills its own buffers and not ours.
import { createServer, type Server, type Socket } from 'node:net'
import { OsError } from '@kubenest/base/errors'
import { peerCredentials, type PeerCredentials } from './peer-credentials.ts'

/**
 * What closed sockets leave outside the heap does not make the collector come by itself: a flood
 * of clients leaves 25 MB per 10,000.
 */
const CONNECTIONS_BETWEEN_CLEANINGS = 500

/** A connected client. */
export interface PeerConnection {
  readonly peer: PeerCredentials | undefined
  /** The next bytes; `undefined` at the end, after `close`, or when the connection broke. */
  read(): Promise<Uint8Array | undefined>
  /** Resolves when the text was handed to the kernel, or the connection is gone. Never rejects. */
  write(text: string): Promise<void>
  /** Says that nothing more will be written; reading goes on. */
  finish(): void
  close(): void
  /** Nothing that is written arrives any more. */
  isClosed(): boolean
}

/** A socket that accepts connections. */
export interface Listener {
  /** Accepts no more; a path is removed. Connections live on. */
  stop(): void
}

/** Where to listen: a path whose file does not exist yet, or an inherited descriptor. */
export type ListenTarget = { readonly path: string } | { readonly fd: number }

/** Starts to listen. A socket at a path is made with mode 0600; the caller widens it. */
export async function listenOnUnixSocket(
  target: ListenTarget,
  onConnection: (connection: PeerConnection) => void,
): Promise<Listener> {
  let accepted = 0
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    accepted += 1
    if (accepted % CONNECTIONS_BETWEEN_CLEANINGS === 0) Bun.gc(true)
    onConnection(wrapSocket(socket))
  })
  const umask = process.umask(0o177)
  try {
    await listening(server, target)
  } finally {
    process.umask(umask)
  }
  return { stop: () => server.close() }
}

function listening(server: Server, target: ListenTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: Error) => {
      const where = 'path' in target ? target.path : `descriptor ${target.fd}`
      reject(
        new OsError('host', {
          code: 'socket-not-listening',
          message: `Cannot listen on ${where}: ${cause.message}`,
          cause,
        }),
      )
    })
    server.listen(target, resolve)
  })
}

/** Turns an accepted or dialled socket into a connection. */
export function wrapSocket(socket: Socket): PeerConnection {
  const queue: Uint8Array[] = []
  const state = { ended: false, wake: () => {} }
  const end = () => {
    state.ended = true
    state.wake()
  }
  socket.on('data', (chunk: Buffer) => {
    queue.push(chunk)
    socket.pause()
    state.wake()
  })
  socket.on('end', end)
  socket.on('close', end)
  socket.on('error', end)
  socket.pause()
  return {
    peer: credentialsOf(socket),
    async read() {
      while (queue.length === 0 && !state.ended) {
        const woken = new Promise<void>((resolve) => (state.wake = resolve))
        socket.resume()
        await woken
      }
      return queue.shift()
    },
    write: (text) =>
      new Promise((resolve) => {
        if (socket.destroyed) return resolve()
        const done = () => {
          socket.off('close', done)
          resolve()
        }
        socket.once('close', done)
        socket.write(text, done)
      }),
    finish: () => void socket.end(),
    close() {
      end()
      socket.destroy()
    },
    isClosed: () => socket.destroyed,
  }
}

function credentialsOf(socket: Socket): PeerCredentials | undefined {
  // Node's API hides the descriptor; Bun keeps it where Node does (runtime notes 3.4).
  const fd = (socket as Socket & { _handle?: { fd?: number } | null })._handle?.fd
  return fd === undefined || fd < 0 ? undefined : peerCredentials(fd)
}
