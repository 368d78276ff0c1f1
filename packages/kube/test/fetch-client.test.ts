// The fetch client against real HTTP and TLS on loopback: what it trusts, what it sends, how it
// breaks.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs'
import * as os from 'node:os'
import path from 'node:path'
import { type Clock, systemClock } from '@kubenest/base/clock'
import { isOsError } from '@kubenest/base/errors'
import { createFetchClient } from '../src/client/fetch-client.ts'
import type { KubeConfig } from '../src/client/kube-config.ts'
import { LEASES, NODES, PODS } from '../src/client/resources.ts'
import { CertificateFolder } from './certificates.ts'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kube-client-'))
const certificates = new CertificateFolder(folder)
const servers: { stop(force: boolean): unknown }[] = []

beforeAll(() => {
  certificates.makeAuthority('ca')
  certificates.makeAuthority('other-ca')
  certificates.makePair('server', 'ca', 'IP:127.0.0.1,DNS:localhost')
  certificates.makePair('elsewhere', 'ca', 'DNS:elsewhere.example')
  certificates.makePair('expired', 'ca', 'IP:127.0.0.1', '20200102000000Z')
  certificates.makePair('client', 'ca', 'DNS:client')
  certificates.makePair('stranger', 'other-ca', 'DNS:stranger')
})

afterAll(() => {
  for (const server of servers) void server.stop(true)
  fs.rmSync(folder, { recursive: true })
})

type Handler = (request: Request) => Response | Promise<Response>

function serve(handler: Handler, tls?: object): string {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: handler,
    idleTimeout: 60,
    ...(tls === undefined ? {} : { tls }),
  })
  servers.push(server)
  return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${server.port}`
}

const pair = (name: string) => ({
  cert: certificates.read(`${name}.crt`),
  key: certificates.read(`${name}.key`),
})
const emptyList: Handler = () =>
  Response.json({ metadata: { resourceVersion: '7' }, items: [{ metadata: { name: 'a' } }] })

async function listError(config: KubeConfig): Promise<unknown> {
  return await createFetchClient(config)
    .list(NODES)
    .then(
      () => undefined,
      (error: unknown) => error,
    )
}

describe('createFetchClient() over TLS', () => {
  test('trusts the configured authority', async () => {
    const server = serve(emptyList, pair('server'))
    const page = await createFetchClient({ server, ca: certificates.read('ca.crt') }).list(NODES)
    expect(page).toEqual({ items: [{ metadata: { name: 'a' } }], resourceVersion: '7' })
  })

  const refused: readonly (readonly [string, string, string | undefined, RegExp])[] = [
    [
      'a server of another authority',
      'server',
      'other-ca',
      /not signed by the configured authority/,
    ],
    ['a server without any configured authority', 'server', undefined, /not signed/],
    ['a certificate for another name', 'elsewhere', 'ca', /for another name/],
    ['an expired certificate', 'expired', 'ca', /has expired/],
  ]
  for (const [name, serverPair, ca, reason] of refused)
    test(`refuses ${name}, and says so`, async () => {
      let wasAsked = false
      const server = serve((request) => {
        wasAsked = true
        return emptyList(request)
      }, pair(serverPair))
      const config = { server, token: 't', ...(ca && { ca: certificates.read(`${ca}.crt`) }) }
      const error = await listError(config)
      expect(isOsError(error, 'kube-tls')).toBe(true)
      expect((error as Error).message).toMatch(reason)
      expect(wasAsked).toBe(false)
    })

  test('shows its client certificate, and fails without one or with a foreign one', async () => {
    const ca = certificates.read('ca.crt')
    const tls = { ...pair('server'), ca, requestCert: true, rejectUnauthorized: true }
    const server = serve(emptyList, tls)
    const as = (name: string) => ({
      server,
      ca,
      clientCertificate: pair(name).cert,
      clientKey: pair(name).key,
    })
    expect((await createFetchClient(as('client')).list(NODES)).items).toHaveLength(1)
    for (const config of [{ server, ca }, as('stranger')])
      expect(['kube-tls', 'kube-unavailable']).toContain(codeOf(await listError(config)))
  })

  test('refuses a key that does not belong to the certificate before any request', () => {
    const config = {
      server: 'https://127.0.0.1:1',
      clientCertificate: pair('client').cert,
      clientKey: pair('server').key,
    }
    expect(() => createFetchClient(config)).toThrow(/do not belong together/)
  })
})

describe('createFetchClient()', () => {
  test('reads a rotated token each minute, and at once when it was refused', async () => {
    const tokenFile = path.join(folder, 'token')
    fs.writeFileSync(tokenFile, 'one\n')
    const seen: (string | null)[] = []
    let valid = ''
    const server = serve((request) => {
      const sent = request.headers.get('authorization')
      seen.push(sent)
      if (valid !== '' && sent !== valid) return new Response('{}', { status: 401 })
      return emptyList(request)
    })
    let nowMs = 0
    const clock: Clock = { ...systemClock, monotonicMs: () => nowMs }
    const client = createFetchClient({ server, tokenFile }, { clock })
    await client.list(NODES)
    fs.writeFileSync(tokenFile, 'two\n')
    await client.list(NODES)
    nowMs += 60_000
    await client.list(NODES)
    expect(seen).toEqual(['Bearer one', 'Bearer one', 'Bearer two'])
    fs.writeFileSync(tokenFile, 'three\n')
    valid = 'Bearer three'
    await client.list(NODES)
    expect(seen.slice(3)).toEqual(['Bearer two', 'Bearer three'])
  })

  test('joins watch lines that come in pieces, and drops an unfinished last one', async () => {
    const text = (name: string, type = 'ADDED') =>
      `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: '1' } } })}\n`
    const bytes = new TextEncoder().encode(
      `${text('ä')}${text('b')}${text('c')}${text('cut').slice(0, 20)}`,
    )
    const server = serve(
      () =>
        new Response(
          new ReadableStream({
            async start(controller) {
              for (let at = 0; at < bytes.length; at += 7) {
                controller.enqueue(bytes.slice(at, at + 7))
                await Promise.resolve()
              }
              controller.close()
            },
          }),
        ),
    )
    const names: string[] = []
    for await (const { object } of createFetchClient({ server }).watch(NODES, {
      resourceVersion: '1',
    }))
      names.push(object.metadata.name)
    expect(names).toEqual(['ä', 'b', 'c'])
  })

  test('turns 410 into kube-gone, as an answer and inside the stream', async () => {
    const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }
    for (const answer of [
      () => Response.json(status, { status: 410 }),
      () => new Response(`${JSON.stringify({ type: 'ERROR', object: status })}\n`),
    ]) {
      const client = createFetchClient({ server: serve(answer) })
      const watch = client.watch(NODES, { resourceVersion: '1' })
      const error = await Array.fromAsync(watch).then(
        () => undefined,
        (e: unknown) => e,
      )
      expect(codeOf(error)).toBe('kube-gone')
    }
  })

  test('gives a half-open request up at its deadline', async () => {
    const server = serve(() => new Promise<Response>(() => {}))
    const client = createFetchClient({ server }, { requestTimeoutMs: 50 })
    const error = await client.list(NODES).then(
      () => undefined,
      (e: unknown) => e,
    )
    expect(codeOf(error)).toBe('kube-unavailable')
    expect((error as Error).message).toContain('within 50 ms')
  })

  test('ends a request that has no signal when the program ends', async () => {
    const asked = Promise.withResolvers<void>()
    const server = serve(() => {
      asked.resolve()
      return new Promise<Response>(() => {})
    })
    const end = new AbortController()
    const request = createFetchClient({ server }, { until: end.signal })
      .get(NODES, { name: 'a' })
      .then(String, String)
    await asked.promise
    end.abort(new Error('the program ends'))
    expect(await request).toBe('Error: the program ends')
  })

  test('ends a half-open watch with the signal, and closes its connection', async () => {
    const closed = Promise.withResolvers<void>()
    const server = serve((request) => {
      request.signal.addEventListener('abort', () => closed.resolve())
      const event = { type: 'ADDED', object: { metadata: { name: 'a' } } }
      return new Response(
        new ReadableStream({
          start: (controller) =>
            controller.enqueue(new TextEncoder().encode(`${JSON.stringify(event)}\n`)),
        }),
      )
    })
    const stop = new AbortController()
    const watch = createFetchClient({ server }).watch(NODES, {
      resourceVersion: '1',
      signal: stop.signal,
    })
    const events = watch[Symbol.asyncIterator]()
    expect((await events.next()).value?.object.metadata.name).toBe('a')
    const next = events.next().then(
      () => undefined,
      (e: unknown) => e,
    )
    const reason = new Error('stop')
    stop.abort(reason)
    expect(await next).toBe(reason)
    await closed.promise
  })

  test('closes the connection of a watch whose reader leaves', async () => {
    const closed = Promise.withResolvers<void>()
    const server = serve((request) => {
      request.signal.addEventListener('abort', () => closed.resolve())
      const event = { type: 'ADDED', object: { metadata: { name: 'a' } } }
      const bytes = new TextEncoder().encode(`${JSON.stringify(event)}\n`)
      return new Response(new ReadableStream({ start: (controller) => controller.enqueue(bytes) }))
    })
    const client = createFetchClient({ server })
    for await (const { type } of client.watch(NODES, { resourceVersion: '1' }))
      if (type === 'ADDED') break
    await closed.promise
  })

  const answers: readonly (readonly [number, string])[] = [
    [400, 'kube-invalid'],
    [401, 'kube-unauthorized'],
    [403, 'kube-forbidden'],
    [404, 'kube-not-found'],
    [409, 'kube-conflict'],
    [410, 'kube-gone'],
    [415, 'kube-invalid'],
    [422, 'kube-invalid'],
    [500, 'kube-unavailable'],
    [503, 'kube-unavailable'],
  ]
  for (const [status, code] of answers)
    test(`answers ${status} with ${code}`, async () => {
      const server = serve(() => Response.json({ message: 'words', reason: 'R' }, { status }))
      const error = await listError({ server })
      expect(codeOf(error)).toBe(code)
      expect((error as Error).message).toBe('Cannot list nodes: words')
    })

  test('carries Retry-After of 429', async () => {
    const headers = { 'Retry-After': '3' }
    const error = await listError({
      server: serve(() => new Response('{}', { status: 429, headers })),
    })
    expect(isOsError(error, 'kube-throttled') && error.retryAfterMs).toBe(3_000)
  })

  test('takes an error page and a refused connection for unavailable', async () => {
    const page = serve(() => new Response('<html>proxy</html>'))
    expect(codeOf(await listError({ server: page }))).toBe('kube-unavailable')
    expect(codeOf(await listError({ server: 'http://127.0.0.1:1' }))).toBe('kube-unavailable')
  })

  test('tells a missing object from a kind that is not served', async () => {
    const missing = serve(() => Response.json({ details: { name: 'x' } }, { status: 404 }))
    expect(await createFetchClient({ server: missing }).get(NODES, { name: 'x' })).toBeUndefined()
    const unserved = serve(() => new Response('404 page not found', { status: 404 }))
    const error = await createFetchClient({ server: unserved })
      .get(NODES, { name: 'x' })
      .then(
        () => undefined,
        (e: unknown) => e,
      )
    expect(codeOf(error)).toBe('kube-not-found')
  })

  test('sends names as one escaped segment and refuses dots', async () => {
    const paths: string[] = []
    const server = serve((request) => {
      paths.push(new URL(request.url).pathname)
      return Response.json({ metadata: { name: 'x' } })
    })
    const client = createFetchClient({ server })
    await client.get(LEASES, { name: 'a/../b', namespace: 'n s' })
    expect(paths).toEqual(['/apis/coordination.k8s.io/v1/namespaces/n%20s/leases/a%2F..%2Fb'])
    expect(client.get(NODES, { name: '..' })).rejects.toThrow('not a Kubernetes name')
    expect(client.get(PODS, { name: 'p' })).rejects.toThrow('namespace is missing')
  })

  test('says who it is', async () => {
    let agent = ''
    const server = serve((request) => {
      agent = request.headers.get('user-agent') ?? ''
      return emptyList(request)
    })
    await createFetchClient({ server }).list(NODES)
    expect(agent).toMatch(/^kubenest /)
  })
})

function codeOf(error: unknown): string {
  return isOsError(error) ? error.code : String(error)
}
