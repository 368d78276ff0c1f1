// Tars block by block, so that a test can write what no tar program would.

export interface BlockOptions {
  readonly name?: string | Uint8Array
  /** @defaultValue '0' */
  readonly flag?: string
  /** @defaultValue the size of the content */
  readonly size?: number
  readonly linkname?: string
  readonly mode?: number
  readonly magic?: 'posix' | 'gnu' | 'none'
  readonly prefix?: string
  readonly content?: string | Uint8Array
  /** Bytes put over the header before its checksum is made. */
  readonly over?: readonly (readonly [number, string | Uint8Array])[]
  readonly hasBadChecksum?: boolean
}

/** A member: header and padded content. */
export function member(options: BlockOptions): Uint8Array {
  const content = bytesOf(options.content ?? '')
  const block = new Uint8Array(512)
  const put = (at: number, value: string | Uint8Array) => block.set(bytesOf(value), at)
  const octal = (value: number, length: number) => value.toString(8).padStart(length - 1, '0')
  put(0, bytesOf(options.name ?? 'file').subarray(0, 100))
  put(100, octal(options.mode ?? 0o644, 8))
  put(108, octal(0, 8))
  put(116, octal(0, 8))
  put(124, octal(options.size ?? content.length, 12))
  put(136, octal(1_700_000_000, 12))
  put(156, options.flag ?? '0')
  put(157, bytesOf(options.linkname ?? '').subarray(0, 100))
  const magic = { posix: 'ustar\u000000', gnu: 'ustar  \u0000', none: '' }
  put(257, magic[options.magic ?? 'posix'])
  put(345, options.prefix ?? '')
  for (const [at, value] of options.over ?? []) put(at, value)
  put(148, '        ')
  const sum = block.reduce((total, byte) => total + byte, 0)
  put(148, `${octal(sum + (options.hasBadChecksum ? 1 : 0), 7)}\u0000 `)
  return join(block, pad(content))
}

/** Records before a member. */
export function pax(records: readonly (readonly [string, string | Uint8Array])[], flag = 'x') {
  return member({ name: 'PaxHeaders/x', flag, content: join(...records.map(paxRecord)) })
}

function paxRecord([key, value]: readonly [string, string | Uint8Array]): Uint8Array {
  const rest = join(bytesOf(` ${key}=`), bytesOf(value), bytesOf('\n'))
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length += 1
  return join(bytesOf(String(length)), rest)
}

/** A long name as GNU tar writes it. */
export function longName(name: string, flag: 'L' | 'K' = 'L'): Uint8Array {
  return member({ name: '././@LongLink', flag, magic: 'gnu', content: `${name}\u0000` })
}

/** An archive: members, then the end mark. */
export function archive(...parts: readonly Uint8Array[]): Uint8Array {
  return join(...parts, new Uint8Array(1024))
}

/** All bytes in order. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Fills up to whole blocks. */
export function pad(bytes: Uint8Array): Uint8Array {
  return join(bytes, new Uint8Array((512 - (bytes.length % 512)) % 512))
}

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value
}
