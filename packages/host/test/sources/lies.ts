// S-01 to S-05: what a web server may do instead of serving the image, and what is told about it.
import { zstdCompressSync } from 'node:zlib'
import { answer, cutAfter, file, rest, type Lie } from '../agent/lying-server.ts'

export interface LieRow {
  readonly what: string
  readonly lies: (image: Uint8Array) => readonly Lie[]
  readonly code: string
  readonly kind: 'invalid' | 'transient' | 'integrity'
  /** Serves https with this certificate. */
  readonly certificate?: string
  /** Demands a certificate of the client. */
  readonly isMutual?: boolean
  /** The client shows this one. */
  readonly client?: string
}

const tagged = { ETag: '"v1"' }
const redirect = (location: string) =>
  answer('302 Found', { Location: location, 'Content-Length': '0' })
const status = (line: string, kind: LieRow['kind'], code: string): LieRow => ({
  what: `status ${line}`,
  lies: () => [answer(line, { 'Content-Length': '0', 'Content-Range': 'bytes 0-4/5' })],
  code,
  kind,
})
const raw = (what: string, text: string, code: string): LieRow => ({
  what,
  lies: () => [(socket) => void socket.end(text)],
  code,
  kind: 'transient',
})
const tls = (what: string, certificate: string, kind: LieRow['kind'], code: string): LieRow => ({
  what,
  lies: (image) => [file(image)],
  certificate,
  kind,
  code,
})
// Silence, not an end: what was sent before an end may be lost with it, and nothing is resumed.
const resumed = (what: string, code: string, second: (image: Uint8Array) => Lie): LieRow => ({
  what,
  lies: (image) => [cutAfter(image, 100_001, 'silence', tagged), second(image)],
  code,
  kind: 'transient',
})

/** Begins as the image and never ends. */
function endless(image: Uint8Array): Lie {
  return (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    const chunk = (bytes: Uint8Array) => {
      socket.write(`${bytes.length.toString(16)}\r\n`)
      socket.write(bytes)
      return socket.write('\r\n')
    }
    chunk(image)
    const more = () => {
      while (socket.writable && chunk(new Uint8Array(65_536))) continue
    }
    socket.on('drain', more)
    more()
  }
}

const BODIES: readonly LieRow[] = [
  {
    what: 'other bytes of the same size',
    lies: (image) => [file(image.map((byte) => byte ^ 1))],
    code: 'image-format-unknown',
    kind: 'integrity',
  },
  {
    what: 'one bit that is another',
    lies: (image) => [file(flipped(image))],
    code: 'image-digest-mismatch',
    kind: 'integrity',
  },
  {
    what: 'a byte more',
    lies: (image) => [file(Buffer.concat([image, Buffer.from('x')]))],
    code: 'image-digest-mismatch',
    kind: 'integrity',
  },
  {
    what: 'a shorter file',
    lies: (image) => [file(image.subarray(0, -4096))],
    code: 'image-digest-mismatch',
    kind: 'integrity',
  },
  { what: 'no bytes', lies: () => [file('')], code: 'image-format-unknown', kind: 'integrity' },
  {
    what: 'a page of text',
    lies: () => [file('<html>no such image</html>'.repeat(200))],
    code: 'image-format-unknown',
    kind: 'integrity',
  },
  {
    what: 'half of a zstd stream',
    lies: (image) => [file(zstdCompressSync(image).subarray(0, -100))],
    code: 'image-damaged',
    kind: 'integrity',
  },
  {
    what: 'the image, compressed though nobody asked',
    lies: (image) => [file(image, { 'Content-Encoding': 'gzip' })],
    code: 'content-encoded',
    kind: 'invalid',
  },
  {
    what: 'a size that no slot has',
    lies: () => [answer('200 OK', { 'Content-Length': '10995116277760' }, 'x')],
    code: 'image-too-large',
    kind: 'invalid',
  },
  {
    what: 'bytes without an end',
    lies: (image) => [endless(image)],
    code: 'image-too-large',
    kind: 'invalid',
  },
]

const TRANSPORT: readonly LieRow[] = [
  raw('a negative size', 'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello', 'http-malformed'),
  raw(
    'a size beyond all numbers',
    'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx',
    'http-malformed',
  ),
  raw('another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 'connection-broken'),
  raw('nothing but an end', '', 'connection-broken'),
  { what: 'silence', lies: () => [() => undefined], code: 'download-stalled', kind: 'transient' },
  {
    what: 'silence in the midst, again and again',
    lies: (image) => [cutAfter(image, 70_000, 'silence')],
    code: 'download-stalled',
    kind: 'transient',
  },
  {
    what: 'a reset at once, again and again',
    lies: (image) => [cutAfter(image, 0, 'reset')],
    code: 'connection-broken',
    kind: 'transient',
  },
  {
    what: 'an end after 99 percent, again and again',
    lies: (image) => [
      cutAfter(image, image.length - 5000, 'silence', tagged),
      cutAfter(image, 0, 'close'),
    ],
    code: 'connection-broken',
    kind: 'transient',
  },
  status('204 No Content', 'invalid', 'http-status'),
  status('206 Partial Content', 'invalid', 'http-status'),
  status('300 Multiple Choices', 'invalid', 'http-status'),
  status('304 Not Modified', 'invalid', 'http-status'),
  status('401 Unauthorized', 'invalid', 'http-status'),
  status('403 Forbidden', 'invalid', 'http-status'),
  status('404 Not Found', 'invalid', 'http-status'),
  status('429 Too Many Requests', 'transient', 'http-server-failed'),
  status('500 Internal Server Error', 'transient', 'http-server-failed'),
  status('503 Service Unavailable', 'transient', 'http-server-failed'),
]

const REDIRECTS: readonly LieRow[] = [
  ...[
    '/again',
    'file:///etc/shadow',
    'ftp://127.0.0.1/x',
    'http://169.254.169.254/latest',
    'http://[fe80::1]/',
  ].map((location): LieRow => ({
    what: `a redirect to ${location}`,
    lies: () => [redirect(location)],
    code: 'redirect-refused',
    kind: 'invalid',
  })),
  {
    what: 'a redirect to nowhere',
    lies: () => [answer('302 Found', {})],
    code: 'redirect-refused',
    kind: 'invalid',
  },
  {
    what: 'a redirect from https to http',
    lies: () => [redirect('http://127.0.0.1/x')],
    certificate: 'good',
    code: 'redirect-refused',
    kind: 'invalid',
  },
]

const TLS: readonly LieRow[] = [
  tls('a certificate of another CA', 'foreign', 'invalid', 'tls-unknown-ca'),
  tls('a certificate for another host', 'wronghost', 'invalid', 'tls-wrong-host'),
  tls('a certificate that has expired', 'expired', 'transient', 'tls-expired'),
  tls('a certificate of the future', 'future', 'transient', 'tls-not-yet-valid'),
  {
    ...tls('the wish for a client certificate', 'good', 'transient', 'tls-handshake-failed'),
    isMutual: true,
  },
  {
    ...tls('no trust in the client certificate', 'good', 'transient', 'tls-handshake-failed'),
    isMutual: true,
    client: 'foreign',
  },
]

const RANGES: readonly LieRow[] = [
  resumed('another range than asked for', 'range-broken', (image) => rest(image, tagged, 1)),
  resumed('a range of a longer file', 'range-broken', (image) =>
    rest(image, {
      ...tagged,
      'Content-Range': `bytes 100001-${image.length - 1}/${image.length + 1}`,
    }),
  ),
  resumed('a range in another unit', 'range-broken', (image) =>
    rest(image, { ...tagged, 'Content-Range': 'lines 1-2' }),
  ),
  resumed('another file with another tag', 'image-changed', (image) =>
    file(image, { ETag: '"v2"' }),
  ),
  resumed('the rest of another file', 'image-changed', (image) => rest(image, { ETag: '"v2"' })),
  resumed('a file of another size', 'image-changed', (image) => file(image.subarray(0, 200_000))),
  {
    what: 'the rest of another file under the same tag',
    lies: (image) => [cutAfter(image, 100_001, 'silence', tagged), rest(flipped(image), tagged)],
    code: 'image-digest-mismatch',
    kind: 'integrity',
  },
]

/** A bit in the last third, which every resume still has to bring. */
function flipped(image: Uint8Array): Uint8Array {
  const other = image.slice()
  const at = Math.floor(image.length * 0.7)
  other[at] = (other[at] ?? 0) ^ 8
  return other
}

/** The table. */
export const LIES: readonly LieRow[] = [...BODIES, ...TRANSPORT, ...REDIRECTS, ...TLS, ...RANGES]
