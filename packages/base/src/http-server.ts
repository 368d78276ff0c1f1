// A read-only file server on loopback, for artefacts of labs and tests. Serves ranges; lists
// nothing.
import path from 'node:path'

/** A running server. */
export interface FileServer {
  readonly port: number
  stop(): Promise<void>
}

/** Serves the files directly in one folder. */
export function serveFolder(folder: string, port = 0): FileServer {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port,
    fetch: (request) => answer(folder, request),
  })
  return { port: server.port ?? port, stop: () => server.stop(true) }
}

async function answer(folder: string, request: Request): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return new Response('only GET and HEAD\n', { status: 405 })
  const name = decodeURIComponent(new URL(request.url).pathname.slice(1))
  if (name === '' || name !== path.basename(name) || name.startsWith('.'))
    return new Response('no such file\n', { status: 404 })
  const file = Bun.file(path.join(folder, name))
  if (!(await file.exists())) return new Response('no such file\n', { status: 404 })
  const range = parseRange(request.headers.get('range'), file.size)
  if (range === undefined) return new Response(file, { headers: { 'accept-ranges': 'bytes' } })
  const { start, end } = range
  return new Response(file.slice(start, end), {
    status: 206,
    headers: {
      'accept-ranges': 'bytes',
      'content-range': `bytes ${start}-${end - 1}/${file.size}`,
    },
  })
}

/**
 * The bytes `bytes=A-` or `bytes=A-B` asks for, end exclusive; `undefined` means the whole file.
 */
export function parseRange(
  header: string | null,
  sizeBytes: number,
): { start: number; end: number } | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? '')
  if (match === null) return undefined
  const start = Number(match[1])
  const end = match[2] === '' ? sizeBytes : Math.min(Number(match[2]) + 1, sizeBytes)
  return start < end ? { start, end } : undefined
}
