// The disk source against servers that lie (S-01 to S-05, D6 to D8, D18): the right error, each
// byte once.
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import { systemClock, type Clock } from '@kubenest/base/clock'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { createImageSource } from '../../src/agent/sources/select-source.ts'
import { systemRawFiles } from '../../src/linux/raw-file.ts'
import { faultOf } from './fault-of.ts'
import {
  answer,
  cutAfter,
  file,
  rest,
  serveLies,
  type Lie,
  type LyingServer,
} from './lying-server.ts'
import { makeTestCertificates, type TestCertificates } from './test-certificates.ts'

// Machines under load are slow; a hang still ends.
setDefaultTimeout(60_000)

const body = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 251)
const tagged = { ETag: '"v1"' }
let root: string
let certs: TestCertificates
let server: LyingServer | undefined
const warnings: string[] = []

beforeAll(() => {
  certs = makeTestCertificates()
  root = mkdtempSync(path.join(tmpdir(), 'agent-disk-'))
  const folder = path.join(root, 'etc/KubeOS/certs')
  mkdirSync(folder, { recursive: true })
  for (const name of [
    'ca.pem',
    'other.pem',
    'client.pem',
    'client.key',
    'foreign.pem',
    'foreign.key',
    'expired.pem',
    'expired.key',
  ])
    copyFileSync(path.join(certs.folder, name), path.join(folder, name))
  writeFileSync(path.join(folder, 'junk.pem'), 'no certificate')
  writeFileSync(path.join(root, 'etc/KubeOS/secret'), 'CANARY')
  symlinkSync('../secret', path.join(folder, 'out.pem'))
  symlinkSync('ca.pem', path.join(folder, 'link.pem'))
  chmodSync(path.join(folder, 'client.key'), 0o600)
})
afterAll(() => {
  rmSync(root, { recursive: true })
  rmSync(certs.folder, { recursive: true })
})
afterEach(() => {
  server?.close()
  server = undefined
  warnings.length = 0
})

// Waits are shortened twentyfold: a stall of 30 s takes 1.5 s.
const fastClock: Clock = {
  ...systemClock,
  schedule: (delayMs, task) => systemClock.schedule(delayMs / 20, task),
  sleep: (delayMs, signal) => systemClock.sleep(delayMs / 20, signal),
}

interface Ask {
  url?: string
  flagSafe?: boolean
  mtls?: boolean
  certs?: Partial<PrepareUpgradeParams['certs']>
  max?: number
  signal?: AbortSignal
  imageType?: string
}

async function download(ask: Ask = {}): Promise<Uint8Array> {
  const source = createImageSource({
    sysroot: createSysRoot(root),
    clock: fastClock,
    log: { ...silentLogger, warn: (message) => warnings.push(message) },
    exec: systemExec,
    rawFiles: systemRawFiles,
  })
  const request: PrepareUpgradeParams = {
    version: 'v2',
    check_sum: '',
    image_type: ask.imageType ?? 'disk',
    container_image: '',
    image_url: ask.url ?? `http://127.0.0.1:${server?.port}/os.img`,
    flag_safe: ask.flagSafe ?? true,
    mtls: ask.mtls ?? false,
    certs: { ca_cert: 'ca.pem', client_cert: '', client_key: '', ...ask.certs },
  }
  const limits = { sizeBytesMax: ask.max ?? 1_000_000 }
  const stream = await source.open(request, limits, ask.signal ?? new AbortController().signal)
  const parts: Uint8Array[] = []
  for await (const part of stream.bytes) parts.push(part.slice())
  return Buffer.concat(parts)
}

async function told(lies: Lie[], ask: Ask = {}): Promise<unknown> {
  server = await serveLies(lies)
  return await faultOf(download(ask))
}

async function toldOverTls(name: string, ask: Ask = {}, tls: object = {}): Promise<unknown> {
  const pair = { cert: certs.pem(`${name}.pem`), key: certs.pem(`${name}.key`) }
  server = await serveLies([file('image')], { ...pair, ...tls })
  return await faultOf(download({ url: `https://127.0.0.1:${server.port}/os.img`, ...ask }))
}

describe('createImageSource()', () => {
  test('D4: refuses other image types and names those it has', async () => {
    for (const imageType of ['', 'floppy', 'Docker'])
      expect(await faultOf(download({ imageType, url: 'http://127.0.0.1:1/' }))).toMatchObject({
        kind: 'invalid',
        code: 'image-type-unsupported',
      })
  })

  test('D8: gives the file as it is, each byte once', async () => {
    server = await serveLies([file(body)])
    expect(Buffer.compare(await download(), body)).toBe(0)
    expect(server.requests[0]?.toLowerCase()).toContain('accept-encoding: identity')
  })

  test('takes a file of unknown length', async () => {
    server = await serveLies([
      answer('200 OK', { 'Transfer-Encoding': 'chunked' }, '5\r\nhello\r\n0\r\n\r\n'),
    ])
    expect(Buffer.from(await download()).toString()).toBe('hello')
  })

  test('D6: asks for nothing when http is not declared safe', async () => {
    expect(await told([file(body)], { flagSafe: false })).toMatchObject({
      code: 'image-url-unsafe',
    })
    expect(server?.requests).toEqual([])
  })

  test.each([
    ['', 'image-url-malformed'],
    ['os.img', 'image-url-malformed'],
    ['http://', 'image-url-malformed'],
    ['http://host/a b', 'image-url-malformed'],
    ['http://host/a\nb', 'image-url-malformed'],
    ['file:///etc/shadow', 'image-url-malformed'],
    ['ftp://host/os.img', 'image-url-scheme'],
    ['gopher://host/os.img', 'image-url-scheme'],
  ])('refuses the URL %j', async (url, code) => {
    expect(await faultOf(download({ url }))).toMatchObject({ kind: 'invalid', code })
  })

  test.each([
    ['204 No Content', 'http-status', 'invalid'],
    ['206 Partial Content', 'http-status', 'invalid'],
    ['300 Multiple Choices', 'http-status', 'invalid'],
    ['304 Not Modified', 'http-status', 'invalid'],
    ['401 Unauthorized', 'http-status', 'invalid'],
    ['403 Forbidden', 'http-status', 'invalid'],
    ['404 Not Found', 'http-status', 'invalid'],
    ['429 Too Many Requests', 'http-server-failed', 'transient'],
    ['500 Internal Server Error', 'http-server-failed', 'transient'],
    ['503 Service Unavailable', 'http-server-failed', 'transient'],
  ])('refuses status %s', async (status, code, kind) => {
    const headers = { 'Content-Length': '0', 'Content-Range': 'bytes 0-4/5' }
    expect(await told([answer(status, headers)])).toMatchObject({ kind, code })
  })

  test.each([
    ['HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello', 'http-malformed'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx', 'http-malformed'],
    ['SSH-2.0-OpenSSH_9.2\r\n\r\n', 'connection-broken'],
    ['', 'connection-broken'],
  ])('refuses the answer %j', async (text, code) => {
    expect(await told([(socket) => socket.end(text)])).toMatchObject({ kind: 'transient', code })
  })

  test('D18: refuses an image that does not fit, by its length or while it streams', async () => {
    const huge = answer('200 OK', { 'Content-Length': '10995116277760' }, 'x')
    expect(await told([huge])).toMatchObject({ kind: 'invalid', code: 'image-too-large' })
    server?.close()
    const endless: Lie = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      const more = () => {
        while (socket.writable && socket.write(`10000\r\n${'x'.repeat(65_536)}\r\n`)) continue
      }
      socket.on('drain', more)
      more()
    }
    expect(await told([endless])).toMatchObject({ kind: 'invalid', code: 'image-too-large' })
  })

  test('refuses an encoding that nobody asked for', async () => {
    expect(await told([file('x', { 'Content-Encoding': 'gzip' })])).toMatchObject({
      code: 'content-encoded',
    })
  })

  test('says which name or address does not answer', async () => {
    expect(await faultOf(download({ url: 'http://127.0.0.1:1/x' }))).toMatchObject({
      kind: 'transient',
      code: 'connection-refused',
    })
    expect(await faultOf(download({ url: 'http://no-such-host.invalid/x' }))).toMatchObject({
      code: 'host-not-found',
    })
  })

  test('gives up a server that never answers', async () => {
    expect(await told([() => undefined])).toMatchObject({
      kind: 'transient',
      code: 'download-stalled',
    })
  })

  test('ends at once when it is cancelled, before and in the midst of the bytes', async () => {
    for (const lie of [() => undefined, cutAfter(body, 10, 'silence')]) {
      const abort = new AbortController()
      const fault = told(
        [(socket, head) => (lie(socket, head), setTimeout(() => abort.abort(), 30))],
        {
          signal: abort.signal,
        },
      )
      expect(await fault).toMatchObject({ kind: 'blocked', code: 'cancelled' })
      server?.close()
    }
  })

  test('keeps user, password and query of a URL out of its errors', async () => {
    const secret = (port: number) => `http://user:CANARY@127.0.0.1:${port}/CANARY?token=CANARY`
    for (const lie of [
      answer('404 Not Found', {}),
      (socket: Parameters<Lie>[0]) => void socket.end('junk\r\n\r\n'),
    ]) {
      server = await serveLies([lie])
      const fault = (await faultOf(download({ url: secret(server.port) }))) as Error
      expect(fault.message).not.toContain('CANARY')
      expect(JSON.stringify(fault)).not.toContain('CANARY')
      server.close()
    }
  })
})

describe('a broken download', () => {
  const ends = ['close', 'reset', 'silence'] as const
  test.each(ends)('is resumed after %s, with If-Range, each byte once', async (end) => {
    server = await serveLies([cutAfter(body, 100_001, end, tagged), rest(body, tagged)])
    expect(Buffer.compare(await download(), body)).toBe(0)
    expect(server.requests[1]?.toLowerCase()).toContain('if-range: "v1"')
  })

  test.each([1, 65_536, 299_999])('is resumed at byte %p', async (offset) => {
    server = await serveLies([cutAfter(body, offset, 'close', tagged), rest(body, tagged)])
    expect(Buffer.compare(await download(), body)).toBe(0)
    expect(server.requests).toHaveLength(2)
  })

  test('is resumed several times, and over a server that fails for a moment', async () => {
    const part =
      (from: number, to: number): Lie =>
      (socket) => {
        socket.write(
          `HTTP/1.1 206 P\r\nContent-Length: ${body.length - from}\r\nETag: "v1"\r\nContent-Range: bytes ${from}-${body.length - 1}/${body.length}\r\n\r\n`,
        )
        socket.end(body.subarray(from, to))
      }
    const busy = answer('503 Service Unavailable', { 'Content-Length': '0' })
    server = await serveLies([
      cutAfter(body, 1000, 'close', tagged),
      part(1000, 5000),
      busy,
      rest(body, tagged),
    ])
    expect(Buffer.compare(await download(), body)).toBe(0)
  })

  test('skips what it has when the server knows no ranges', async () => {
    server = await serveLies([cutAfter(body, 123_456, 'close'), file(body)])
    expect(Buffer.compare(await download(), body)).toBe(0)
  })

  test('ends when the file changed meanwhile', async () => {
    const changed = [
      file(body, { ETag: '"v2"' }),
      rest(body, { ETag: '"v2"' }),
      file(body.subarray(0, 200_000)),
    ]
    for (const second of changed) {
      expect(await told([cutAfter(body, 1000, 'close', tagged), second])).toMatchObject({
        kind: 'transient',
        code: 'image-changed',
      })
      server?.close()
    }
  })

  test('ends when the server answers with another range', async () => {
    const wrong = [
      rest(body, tagged, 1),
      rest(body, { ...tagged, 'Content-Range': 'bytes 1000-299999/300001' }),
      rest(body, { ...tagged, 'Content-Range': 'lines 1-2' }),
    ]
    for (const second of wrong) {
      expect(await told([cutAfter(body, 1000, 'close', tagged), second])).toMatchObject({
        code: 'range-broken',
      })
      server?.close()
    }
  })

  test('is given up after five breaks without progress', async () => {
    expect(
      await told([cutAfter(body, 10, 'close', tagged), cutAfter(body, 0, 'close')]),
    ).toMatchObject({
      kind: 'transient',
      code: 'connection-broken',
    })
    expect(server?.requests).toHaveLength(6)
  })
})

describe('a redirect', () => {
  const to = (location: string, status = '302 Found') =>
    answer(status, { Location: location, 'Content-Length': '0' })

  test('is followed, five times at most', async () => {
    server = await serveLies([to('/a'), to('b', '307 Temporary Redirect'), file(body)])
    expect(Buffer.compare(await download(), body)).toBe(0)
    server.close()
    expect(await told([to('/again')])).toMatchObject({ kind: 'invalid', code: 'redirect-refused' })
    expect(server?.requests).toHaveLength(6)
  })

  test.each([
    'file:///etc/shadow',
    'ftp://127.0.0.1/x',
    'javascript:1',
    'http://',
    'http://169.254.169.254/latest',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
  ])('is not followed to %s', async (location) => {
    expect(await told([to(location)])).toMatchObject({ code: 'redirect-refused' })
  })

  test('is not followed without a target, or from https to http', async () => {
    expect(await told([answer('302 Found', {})])).toMatchObject({ code: 'redirect-refused' })
    server?.close()
    const pair = { cert: certs.pem('good.pem'), key: certs.pem('good.key') }
    server = await serveLies([to('http://127.0.0.1/x')], pair)
    const url = `https://127.0.0.1:${server.port}/os.img`
    expect(await faultOf(download({ url }))).toMatchObject({ code: 'redirect-refused' })
  })
})

describe('https', () => {
  test('trusts the given CA, and no other', async () => {
    expect(await toldOverTls('good')).toBeUndefined()
    server?.close()
    expect(await toldOverTls('good', { certs: { ca_cert: 'link.pem' } })).toBeUndefined()
    server?.close()
    expect(await toldOverTls('good', { certs: { ca_cert: 'other.pem' } })).toMatchObject({
      kind: 'invalid',
      code: 'tls-unknown-ca',
    })
  })

  test.each([
    ['foreign', 'tls-unknown-ca', 'cacert'],
    ['wronghost', 'tls-wrong-host', '127.0.0.1'],
    ['expired', 'tls-expired', 'expired'],
    ['future', 'tls-not-yet-valid', 'clock'],
  ])('tells what is wrong with a certificate: %s', async (name, code, word) => {
    expect(await toldOverTls(name)).toMatchObject({
      code,
      message: expect.stringContaining(word) as string,
    })
  })

  test('shows a client certificate when asked to, and tells when it is missing or refused', async () => {
    const demanding = { ca: certs.pem('ca.pem'), requestCert: true, rejectUnauthorized: true }
    const own = { client_cert: 'client.pem', client_key: 'client.key' }
    expect(await toldOverTls('good', { mtls: true, certs: own }, demanding)).toBeUndefined()
    expect(warnings).toEqual([])
    server?.close()
    expect(await toldOverTls('good', {}, demanding)).toMatchObject({
      code: 'tls-handshake-failed',
      message: expect.stringContaining('mtls') as string,
    })
    server?.close()
    const foreign = { client_cert: 'foreign.pem', client_key: 'foreign.key' }
    expect(await toldOverTls('good', { mtls: true, certs: foreign }, demanding)).toMatchObject({
      code: 'tls-handshake-failed',
      message: expect.stringContaining('clientcert') as string,
    })
  })

  test.each([
    ['', 'certificate-name-refused'],
    ['..', 'certificate-name-refused'],
    ['../secret', 'certificate-name-refused'],
    ['/etc/shadow', 'certificate-name-refused'],
    ['a\u0000b', 'certificate-name-refused'],
    ['missing.pem', 'certificate-missing'],
    ['out.pem', 'certificate-refused'],
    ['junk.pem', 'certificate-malformed'],
  ])('D7: refuses the CA name %j before a request', async (name, code) => {
    expect(await toldOverTls('good', { certs: { ca_cert: name } })).toMatchObject({
      kind: 'invalid',
      code,
      message: expect.not.stringContaining('CANARY') as string,
    })
    expect(server?.requests).toEqual([])
  })

  test.each([
    ['client.pem', 'foreign.key', 'key-mismatch'],
    ['client.pem', 'junk.pem', 'key-malformed'],
    ['expired.pem', 'expired.key', 'certificate-expired'],
    ['', 'client.key', 'certificate-name-refused'],
    ['client.pem', '', 'certificate-name-refused'],
  ])(
    'D7: refuses the client pair %j and %j before a request',
    async (client_cert, client_key, code) => {
      const ask = { mtls: true, certs: { client_cert, client_key } }
      expect(await toldOverTls('good', ask)).toMatchObject({ code })
      expect(server?.requests).toEqual([])
    },
  )

  test('warns of a key that others can read', async () => {
    const ask = { mtls: true, certs: { client_cert: 'foreign.pem', client_key: 'foreign.key' } }
    chmodSync(path.join(root, 'etc/KubeOS/certs/foreign.key'), 0o644)
    await toldOverTls('good', ask)
    expect(warnings).toEqual(['a private key can be read by others; give it mode 0600'])
  })
})
