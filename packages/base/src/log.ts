// Structured log lines, one per event. Messages at warn and above are constant; variables go into
// fields, so that lines can be grouped. Values are escaped: a log line is always exactly one line.
import type { Clock } from './clock.ts'

/** Severity, from least to most severe. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** Values of a log line; `undefined` is left out. Never a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>

/** Writes structured lines. */
export interface Logger {
  log(level: LogLevel, message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A logger that adds these fields to every line. */
  with(fields: LogFields): Logger
}

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal']
const FIELD_LENGTH_MAX = 4096

/** What a logger needs: where lines go, the clock, and the least level that is written. */
export interface LoggerOptions {
  readonly write: (line: string) => void
  readonly clock: Clock
  /** @defaultValue 'info' */
  readonly level?: LogLevel
  readonly fields?: LogFields
}

/** Makes a logger that writes logfmt lines with an RFC 3339 UTC time stamp (contract 1.7). */
export function createLogger(options: LoggerOptions): Logger {
  const least = ORDER.indexOf(options.level ?? 'info')
  const fixed = options.fields ?? {}
  function log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (ORDER.indexOf(level) < least) return
    const time = new Date(options.clock.nowMs()).toISOString()
    const all = { time, level, msg: message, ...fixed, ...fields }
    options.write(`${renderFields(all)}\n`)
  }
  return {
    log,
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
    with: (fields) => createLogger({ ...options, fields: { ...fixed, ...fields } }),
  }
}

function renderFields(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${renderValue(String(value))}`)
    .join(' ')
}

function renderValue(value: string): string {
  const short = value.length > FIELD_LENGTH_MAX ? `${value.slice(0, FIELD_LENGTH_MAX)}…` : value
  if (/^[\w.:/@%+-]+$/.test(short)) return short
  // JSON escapes quotes, newlines and C0 controls; C1 controls and DEL are escaped here.
  // oxlint-disable-next-line no-control-regex
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A logger that drops everything, for tests and pure uses. */
export const silentLogger: Logger = {
  log: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLogger,
}
