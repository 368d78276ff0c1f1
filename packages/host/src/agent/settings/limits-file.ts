// Text of limits.conf → lines → text (contract 5.7). Lines that nobody asked to change stay as they
// are, with their columns and comments; empty lines vanish.
import { refusal } from './setting-values.ts'

/** A line: kept as it is, or a limit. */
export type LimitsLine =
  | { readonly kind: 'kept'; readonly text: string }
  | { readonly kind: 'limit'; readonly limit: Limit; readonly text: string }

/** domain, type, item, value. */
export interface Limit {
  readonly domain: string
  readonly type: string
  readonly item: string
  readonly value: string
}

const LIMIT = /^\s*(\S+)\s+(\S+)\s+(\S+)\s+(\S+)(\s.*)?$/

/** Parses the file; throws for a line that is neither a comment nor a limit, naming its number. */
export function parseLimitsFile(path: string, text: string): LimitsLine[] {
  return text.split('\n').flatMap((line, index): LimitsLine[] => {
    if (line === '') return []
    if (/^\s*(?:#|$)/.test(line)) return [{ kind: 'kept', text: line }]
    const [, domain, type, item, value] = LIMIT.exec(line) ?? []
    if (domain === undefined || type === undefined || item === undefined || value === undefined)
      throw refusal(
        'limits-file-unreadable',
        `line ${index + 1} of ${path} is neither a comment nor "domain type item value"; correct it on the node`,
      )
    return [{ kind: 'limit', limit: { domain, type, item, value }, text: line }]
  })
}

/** A line of a limit; what followed the old value, a comment most likely, stays. */
export function limitLine(limit: Limit, old = ''): LimitsLine {
  const rest = LIMIT.exec(old)?.[5] ?? ''
  const text = `${limit.domain} ${limit.type} ${limit.item} ${limit.value}${rest}`
  return { kind: 'limit', limit, text }
}

/** Renders lines; an empty list is an empty file. */
export function renderLimitsFile(lines: readonly LimitsLine[]): string {
  return lines.map((line) => `${line.text}\n`).join('')
}
