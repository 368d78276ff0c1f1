// RUST_LOG as users of the documented agent set it (contract 1.7): a level, or a list of directives
// of which only the one without a module counts.
import type { LogLevel } from '@kubenest/base/log'

const LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ['off', 'fatal'],
  ['error', 'error'],
  ['warn', 'warn'],
  ['info', 'info'],
  ['debug', 'debug'],
  ['trace', 'debug'],
])

/** The level that RUST_LOG asks for; `info` without one. */
export function parseLogLevel(rustLog: string | undefined): LogLevel {
  const directives = (rustLog ?? '').toLowerCase().split(',')
  const levels = directives.map((directive) => LEVELS.get(directive.trim()))
  return levels.find((level) => level !== undefined) ?? 'info'
}
