// The one error type of the product. A kind decides the treatment (house style 3.6); a code never
// changes once released, so that people and programs can match on it.

/** How an error is treated: by the controller, on the wire, at exit and in the log. */
export type ErrorKind = 'invalid' | 'blocked' | 'transient' | 'integrity' | 'host' | 'bug'

/** Data that helps to act on an error. Never put secrets here: fields are logged as they are. */
export type ErrorFields = Readonly<Record<string, string | number | boolean | undefined>>

/** What {@link OsError} is made of, beside its kind. */
export interface OsErrorOptions {
  /** Stable machine-readable name in kebab-case, for example `image-digest-mismatch`. */
  readonly code: string
  /**
   * `Cannot <do X>: <reason>`, sentence case, no full stop; ends with the remedy where one is
   * known.
   */
  readonly message: string
  readonly fields?: ErrorFields
  readonly cause?: unknown
  /** Known time after which a repeat makes sense, in milliseconds. */
  readonly retryAfterMs?: number
}

/**
 * A failure with a kind and a stable code.
 *
 * @example
 * ```ts
 * const error = new OsError('integrity', { code: 'image-digest-mismatch', message: 'Cannot use the
 * image: its digest differs' }) error.kind // 'integrity'
 * ```
 */
export class OsError extends Error {
  readonly kind: ErrorKind
  readonly code: string
  readonly fields: ErrorFields
  readonly retryAfterMs: number | undefined

  constructor(kind: ErrorKind, options: OsErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'OsError'
    this.kind = kind
    this.code = options.code
    this.fields = options.fields ?? {}
    this.retryAfterMs = options.retryAfterMs
  }
}

/** True for an {@link OsError}, of that code when one is given. */
export function isOsError(error: unknown, code?: string): error is OsError {
  return error instanceof OsError && (code === undefined || error.code === code)
}

/** Turns anything thrown into an {@link OsError}; what is unknown is a bug. */
export function toOsError(error: unknown): OsError {
  if (error instanceof OsError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new OsError('bug', { code: 'unexpected-error', message, cause: error })
}

const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  invalid: 64,
  blocked: 75,
  transient: 75,
  integrity: 65,
  host: 69,
  bug: 70,
}

/**
 * The exit code (sysexits) of a program that ends with this error; 78 for a broken configuration
 * file.
 */
export function exitCodeOf(error: OsError): number {
  return error.kind === 'invalid' && error.code.startsWith('config-') ? 78 : EXIT_CODES[error.kind]
}
