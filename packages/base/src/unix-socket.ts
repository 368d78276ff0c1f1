// One exchange over a unix socket: connect, send, read until the reader has what it needs, close.
// The write side stays open meanwhile, as the documented agent expects (contract 4.2).
import { OsError } from './errors.ts'

/** What to send, and how long to wait. */
export interface UnixExchange<T> {
  /** Path of the socket. */
  readonly path: string
  readonly send: Uint8Array
  /**
   * Takes bytes as they come; the exchange ends with the first value that is not `undefined`. May
   * throw.
   */
  readonly read: (bytes: Uint8Array) => T | undefined
  /** Limit of the whole exchange, milliseconds. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/**
 * Runs the exchange.
 *
 * @throws {OsError} kind `transient`: `socket-unreachable` (no connection), `socket-closed` (the
 * peer closed
 *   before the answer was complete), `socket-timed-out`; kind `blocked`, `cancelled`, when aborted.
 */
export async function exchangeOverUnixSocket<T>(exchange: UnixExchange<T>): Promise<T> {
  const outcome = Promise.withResolvers<T>()
  const timer = setTimeout(() => outcome.reject(timeoutError(exchange)), exchange.timeoutMs)
  const onAbort = () => outcome.reject(abortError(exchange))
  exchange.signal?.addEventListener('abort', onAbort, { once: true })
  if (exchange.signal?.aborted === true) onAbort()
  const connecting = connect(exchange, outcome)
  connecting.catch(outcome.reject)
  try {
    return await outcome.promise
  } finally {
    clearTimeout(timer)
    exchange.signal?.removeEventListener('abort', onAbort)
    // Also a connection that comes after the time-out is closed; one that failed was told above.
    void connecting.then((socket) => socket.terminate()).catch(outcome.reject)
  }
}

function connect<T>(exchange: UnixExchange<T>, outcome: PromiseWithResolvers<T>) {
  let unsent = exchange.send
  const flush = (socket: { write(bytes: Uint8Array): number }) => {
    if (unsent.length === 0) return
    const written = socket.write(unsent)
    if (written > 0) unsent = unsent.subarray(written)
  }
  return Bun.connect({
    unix: exchange.path,
    socket: {
      open: flush,
      drain: flush,
      data: (_socket, bytes) => {
        try {
          const value = exchange.read(bytes)
          if (value !== undefined) outcome.resolve(value)
        } catch (error) {
          outcome.reject(error)
        }
      },
      close: () => outcome.reject(closedError(exchange)),
      error: (_socket, error) => outcome.reject(unreachableError(exchange, error)),
      connectError: (_socket, error) => outcome.reject(unreachableError(exchange, error)),
    },
  }).catch((error: unknown) => {
    throw unreachableError(exchange, error)
  })
}

function unreachableError(exchange: UnixExchange<unknown>, cause: unknown): OsError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  return new OsError('transient', {
    code: 'socket-unreachable',
    message: `Cannot connect to ${exchange.path}: ${code}`,
    fields: { path: exchange.path, errno: code },
    cause,
  })
}

function closedError(exchange: UnixExchange<unknown>): OsError {
  return new OsError('transient', {
    code: 'socket-closed',
    message: `Cannot read the answer from ${exchange.path}: the connection was closed`,
    fields: { path: exchange.path },
  })
}

function timeoutError(exchange: UnixExchange<unknown>): OsError {
  return new OsError('transient', {
    code: 'socket-timed-out',
    message: `Cannot read the answer from ${exchange.path}: none came within ${exchange.timeoutMs / 1000} s; it is overloaded, or it hangs`,
    fields: { path: exchange.path, timeoutMs: exchange.timeoutMs },
  })
}

function abortError(exchange: UnixExchange<unknown>): OsError {
  return new OsError('blocked', {
    code: 'cancelled',
    message: `Cannot read the answer from ${exchange.path}: the request was given up`,
  })
}
