// A client of the agent's socket that can misbehave: writes what it is told, reads lines.
import { connect, type Socket } from 'node:net'

export interface RawClient {
  readonly socket: Socket
  write(text: string | Uint8Array): Promise<void>
  /** The next line as JSON; `undefined` when the agent closed the connection. */
  line(): Promise<unknown>
  close(): void
}

export async function connectRaw(path: string): Promise<RawClient> {
  const socket = connect({ path, allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve())
    socket.once('error', reject)
  })
  let text = ''
  let ended = false
  let wake = () => {}
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
    wake()
  })
  const end = () => {
    ended = true
    wake()
  }
  socket.on('end', end)
  socket.on('close', end)
  socket.on('error', end)
  return {
    socket,
    write: (data) =>
      new Promise((resolve) => {
        socket.write(data, () => resolve())
      }),
    async line() {
      for (;;) {
        const at = text.indexOf('\n')
        if (at >= 0) {
          const line = text.slice(0, at)
          text = text.slice(at + 1)
          return JSON.parse(line) as unknown
        }
        if (ended) return undefined
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
    close: () => socket.destroy(),
  }
}

/** One call on a connection of its own. */
export async function ask(path: string, text: string | Uint8Array): Promise<unknown> {
  const client = await connectRaw(path)
  try {
    await client.write(text)
    return await client.line()
  } finally {
    client.close()
  }
}

export function call(method: string, id: unknown = 1, params?: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }), id })
}
