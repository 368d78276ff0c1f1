// A web server that lies: each test writes the bytes of the answers itself, request by request.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

/** Answers one request; `head` is the request as text. */
export type Lie = (socket: Socket, head: string) => void

export interface LyingServer {
  readonly port: number
  /** Heads of all requests so far. */
  readonly requests: string[]
  close(): void
}

/** Serves lies in order; the last one is told again and again. */
export function serveLies(lies: readonly Lie[], tls?: TlsOptions): Promise<LyingServer> {
  const requests: string[] = []
  const onSocket = (socket: Socket) => {
    let text = ''
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!text.includes('\r\n\r\n')) return
      const lie = lies[Math.min(requests.length, lies.length - 1)]
      requests.push(text)
      text = ''
      lie?.(socket, requests.at(-1) ?? '')
    })
  }
  const server: Server = tls === undefined ? createServer(onSocket) : createTlsServer(tls, onSocket)
  server.on('tlsClientError', () => undefined)
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      resolve({ port, requests, close: () => server.close() })
    })
  })
}

/** Writes an answer and closes. `Content-Length` is the caller's business, so that it can lie. */
export function answer(
  status: string,
  headers: Record<string, string>,
  body: string | Uint8Array = '',
): Lie {
  return (socket) => {
    const lines = Object.entries({ Connection: 'close', ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    )
    socket.write(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`)
    socket.end(body)
  }
}

/** A complete and honest file. */
export function file(body: Uint8Array | string, headers: Record<string, string> = {}): Lie {
  return answer('200 OK', { 'Content-Length': String(body.length), ...headers }, body)
}

/** Announces the whole file, sends its first bytes, then closes, resets or falls silent. */
export function cutAfter(
  body: Uint8Array,
  bytes: number,
  end: 'close' | 'reset' | 'silence',
  headers: Record<string, string> = {},
): Lie {
  return (socket) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${lines.join('')}\r\n`)
    socket.write(body.subarray(0, bytes))
    // After a while, so that the bytes are read before the end.
    if (end === 'close') setTimeout(() => socket.end(), 30)
    if (end === 'reset') setTimeout(() => socket.resetAndDestroy(), 30)
  }
}

/** Answers a range request for the rest of the file. */
export function rest(body: Uint8Array, headers: Record<string, string> = {}, shift = 0): Lie {
  return (socket, head) => {
    const asked = /range: bytes=(\d+)-/i.exec(head)?.[1]
    if (asked === undefined) return file(body, headers)(socket, head)
    const from = Number(asked) + shift
    const part = body.subarray(from)
    answer(
      '206 Partial Content',
      {
        'Content-Length': String(part.length),
        'Content-Range': `bytes ${from}-${body.length - 1}/${body.length}`,
        ...headers,
      },
      part,
    )(socket, head)
  }
}
