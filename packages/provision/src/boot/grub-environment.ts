// The GRUB environment block: 1024 bytes that say which slot boots. Pure codec, both directions.
// It never produces a block whose variables leave the first 512-byte sector: a switch must be one
// sector write (invariant I6). Values are byte strings, one character per byte, as GRUB sees them.

/** Size of every block, bytes. */
export const GRUB_ENVIRONMENT_BYTES = 1024

/** Header and variables must end inside the first sector, bytes. */
export const GRUB_ENVIRONMENT_USED_BYTES_MAX = 512

const HEADER = '# GRUB Environment Block\n'
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Variables in the order of the block. */
export type GrubEnvironment = ReadonlyMap<string, string>

/** Why a block or a variable is refused. */
export type GrubEnvironmentErrorCode =
  | 'grubenv-size'
  | 'grubenv-header'
  | 'grubenv-line'
  | 'grubenv-name'
  | 'grubenv-value'
  | 'grubenv-full'

/** A block that GRUB would not load, or a variable that does not fit. */
export class GrubEnvironmentError extends Error {
  readonly code: GrubEnvironmentErrorCode

  constructor(code: GrubEnvironmentErrorCode, message: string) {
    super(message)
    this.name = 'GrubEnvironmentError'
    this.code = code
  }
}

/**
 * Reads a block.
 *
 * @throws {GrubEnvironmentError} when its size or header is wrong, or a line has no name.
 *
 * @example
 * ```ts
 * parseGrubEnvironment(renderGrubEnvironment(new Map([['saved_entry', 'A']]))).get('saved_entry')
 * // 'A'
 * ```
 */
export function parseGrubEnvironment(block: Uint8Array): GrubEnvironment {
  if (block.length !== GRUB_ENVIRONMENT_BYTES)
    throw new GrubEnvironmentError(
      'grubenv-size',
      `Cannot read the GRUB environment: it has ${block.length} bytes instead of ${GRUB_ENVIRONMENT_BYTES}`,
    )
  const text = bytesToText(block)
  if (!text.startsWith(HEADER))
    throw new GrubEnvironmentError(
      'grubenv-header',
      'Cannot read the GRUB environment: its first line is not the signature',
    )
  return parseLines(text.slice(HEADER.length))
}

/**
 * Makes a block: signature, variables, padding with `#`.
 *
 * @throws {GrubEnvironmentError} for a bad name or value, or when the variables need more than 512
 * bytes.
 */
export function renderGrubEnvironment(environment: GrubEnvironment): Uint8Array {
  let text = HEADER
  for (const [name, value] of environment) text += renderLine(name, value)
  if (text.length > GRUB_ENVIRONMENT_USED_BYTES_MAX)
    throw new GrubEnvironmentError(
      'grubenv-full',
      `Cannot write the GRUB environment: its variables need ${text.length} bytes of ${GRUB_ENVIRONMENT_USED_BYTES_MAX}; unset some`,
    )
  return textToBytes(text.padEnd(GRUB_ENVIRONMENT_BYTES, '#'))
}

/**
 * The same environment with these variables set, or removed where the value is `undefined`.
 * Idempotent.
 */
export function changeGrubEnvironment(
  environment: GrubEnvironment,
  changes: Readonly<Record<string, string | undefined>>,
): GrubEnvironment {
  const result = new Map(environment)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) result.delete(name)
    else result.set(name, value)
  }
  return result
}

/** True for a block that GRUB loads. */
export function isGrubEnvironment(block: Uint8Array): boolean {
  try {
    parseGrubEnvironment(block)
    return true
  } catch {
    // The reason does not matter to the caller: GRUB would not load the block either.
    return false
  }
}

function parseLines(text: string): GrubEnvironment {
  const result = new Map<string, string>()
  let at = 0
  while (at < text.length) {
    const end = endOfLine(text, at)
    const line = text.slice(at, end)
    at = end + 1
    if (line === '' || line.startsWith('#')) continue
    const equals = line.indexOf('=')
    if (equals <= 0)
      throw new GrubEnvironmentError(
        'grubenv-line',
        `Cannot read the GRUB environment: a line of ${line.length} bytes has no name`,
      )
    result.set(line.slice(0, equals), unescapeValue(line.slice(equals + 1)))
  }
  return result
}

/** A newline ends a line unless a backslash stands before it; comments know no escapes. */
function endOfLine(text: string, from: number): number {
  const isComment = text[from] === '#'
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\n') return at
    if (text[at] === '\\' && !isComment) at += 1
  }
  return text.length
}

function renderLine(name: string, value: string): string {
  if (!NAME.test(name))
    throw new GrubEnvironmentError(
      'grubenv-name',
      `Cannot write the GRUB environment: the variable name ${JSON.stringify(name)} is not letters, digits and underscores`,
    )
  // oxlint-disable-next-line no-control-regex
  if (/[^\u0001-\u00ff]/.test(value))
    throw new GrubEnvironmentError(
      'grubenv-value',
      `Cannot write the GRUB environment: the value of ${name} holds a character that is not one byte`,
    )
  return `${name}=${value.replace(/[\\\n]/g, (character) => `\\${character}`)}\n`
}

function unescapeValue(value: string): string {
  return value.replace(/\\([\s\S])/g, '$1')
}

function bytesToText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

function textToBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
