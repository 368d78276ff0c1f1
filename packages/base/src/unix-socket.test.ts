import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { exchangeOverUnixSocket } from './unix-socket.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'kubenest-socket-'))
const socketPath = path.join(folder, 'peer.sock')
let stop: () => void = () => {}

afterEach(() => {
  stop()
  rmSync(socketPath, { force: true })
})

function listen(
  onData: (socket: { write(text: string): number; end(): void }, text: string) => void,
) {
  const server = Bun.listen({
    unix: socketPath,
    socket: { data: (socket, bytes) => onData(socket, bytes.toString()) },
  })
  stop = () => server.stop(true)
}

/** Reads until a full stop. */
function untilStop() {
  let text = ''
  return (bytes: Uint8Array) => {
    text += new TextDecoder().decode(bytes)
    return text.endsWith('.') ? text : undefined
  }
}

/** What a promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it did not reject')
}

const hello = new TextEncoder().encode('hello')

describe('exchangeOverUnixSocket()', () => {
  test('exchangeOverUnixSocket() joins the parts of an answer', async () => {
    listen((socket, text) => {
      socket.write(`${text} `)
      socket.write('back.')
    })
    const answer = await exchangeOverUnixSocket({
      path: socketPath,
      send: hello,
      read: untilStop(),
      timeoutMs: 5000,
    })
    expect(answer).toBe('hello back.')
  })

  test('exchangeOverUnixSocket() sends more than one socket buffer holds', async () => {
    let received = 0
    listen((socket, text) => {
      received += text.length
      if (received === 4_000_000) socket.write('all.')
    })
    const send = new Uint8Array(4_000_000).fill(65)
    expect(
      await exchangeOverUnixSocket({
        path: socketPath,
        send,
        read: untilStop(),
        timeoutMs: 10_000,
      }),
    ).toBe('all.')
  })

  test('exchangeOverUnixSocket() names a missing socket', async () => {
    const missing = exchangeOverUnixSocket({
      path: `${folder}/none.sock`,
      send: hello,
      read: untilStop(),
      timeoutMs: 5000,
    })
    expect(await errorOf(missing)).toMatchObject({ kind: 'transient', code: 'socket-unreachable' })
  })

  test('exchangeOverUnixSocket() tells a closed connection from a late answer', async () => {
    listen((socket) => socket.end())
    const closed = exchangeOverUnixSocket({
      path: socketPath,
      send: hello,
      read: untilStop(),
      timeoutMs: 5000,
    })
    expect(await errorOf(closed)).toMatchObject({ code: 'socket-closed' })
    stop()
    rmSync(socketPath, { force: true })
    listen(() => {})
    const late = exchangeOverUnixSocket({
      path: socketPath,
      send: hello,
      read: untilStop(),
      timeoutMs: 30,
    })
    expect(await errorOf(late)).toMatchObject({ code: 'socket-timed-out' })
  })

  test('exchangeOverUnixSocket() ends when it is aborted, and hands on what the reader throws', async () => {
    listen((socket) => socket.write('x'))
    const abort = new AbortController()
    const aborted = exchangeOverUnixSocket({
      path: socketPath,
      send: hello,
      read: () => {
        abort.abort()
        return undefined
      },
      timeoutMs: 5000,
      signal: abort.signal,
    })
    expect(await errorOf(aborted)).toMatchObject({ kind: 'blocked', code: 'cancelled' })
    const thrown = exchangeOverUnixSocket({
      path: socketPath,
      send: hello,
      read: () => {
        throw new TypeError('bad bytes')
      },
      timeoutMs: 5000,
    })
    expect(await errorOf(thrown)).toMatchObject({ message: 'bad bytes' })
  })
})
