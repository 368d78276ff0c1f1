// A web server in front of a registry that breaks as told: cuts or stalls large bodies, answers
// with another status, counts what is asked for.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const LARGE_BYTES = 64 * 1024
/** As a registry words them. */
const ERRORS: Readonly<Record<number, string>> = {
  401: '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
  404: '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}',
}

export interface FaultProxy {
  readonly port: number
  /** Paths of bodies above 64 KiB that were asked for. */
  readonly largeRequests: string[]
  /** The next large bodies end in the midst, so many times. */
  cuts: number
  /** Large bodies stop in the midst and nothing follows. */
  isStalling: boolean
  /** Every answer has this status. */
  status: number | undefined
  /** Called when a large body has stopped. */
  onStall: () => void
  close(): void
}

/** Serves what the registry at this port serves. */
export async function startFaultProxy(target: number): Promise<FaultProxy> {
  const server = createServer((request, response) => {
    void forward(proxy, target, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const proxy: FaultProxy = {
    port: (server.address() as AddressInfo).port,
    largeRequests: [],
    cuts: 0,
    isStalling: false,
    status: undefined,
    onStall: () => undefined,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return proxy
}

async function forward(
  proxy: FaultProxy,
  target: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (proxy.status !== undefined && request.url !== '/v2/') {
    const type = { 'Content-Type': 'application/json' }
    response.writeHead(proxy.status, type).end(ERRORS[proxy.status] ?? '{}')
    return
  }
  const headers = new Headers()
  for (const name of ['accept', 'range'])
    if (typeof request.headers[name] === 'string') headers.set(name, request.headers[name])
  const url = `http://127.0.0.1:${target}${request.url ?? ''}`
  const answer = await fetch(url, { method: request.method ?? 'GET', headers, redirect: 'manual' })
  const bytes = new Uint8Array(await answer.arrayBuffer())
  const kept = [...answer.headers].filter(
    ([name]) => !/^(connection|transfer-encoding)$/.test(name),
  )
  response.writeHead(answer.status, Object.fromEntries(kept))
  if (bytes.length < LARGE_BYTES) {
    response.end(bytes)
    return
  }
  proxy.largeRequests.push(request.url ?? '')
  await sendLarge(proxy, response, bytes)
}

async function sendLarge(
  proxy: FaultProxy,
  response: ServerResponse,
  bytes: Uint8Array,
): Promise<void> {
  const isCut = proxy.cuts > 0
  if (!isCut && !proxy.isStalling) {
    response.end(bytes)
    return
  }
  proxy.cuts -= isCut ? 1 : 0
  await new Promise<void>((resolve) =>
    response.write(bytes.subarray(0, bytes.length >> 1), () => resolve()),
  )
  // After a while, so that the bytes are read before the end.
  if (isCut) setTimeout(() => response.destroy(), 50)
  else proxy.onStall()
}
