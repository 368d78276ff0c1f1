// Text of a sysctl file → lines → text (contract 5.3). Comments and white-space lines stay as they
// are, empty lines vanish, every other line is written back as key=value.
import { refusal } from './setting-values.ts'

/** A line: kept as it is, or a pair. */
export type SysctlLine =
  | { readonly kind: 'kept'; readonly text: string }
  | { readonly kind: 'pair'; readonly key: string; readonly value: string }

/**
 * Parses a file; throws for a line that is neither a comment nor `key=value`, naming its number.
 */
export function parseSysctlFile(path: string, text: string): SysctlLine[] {
  return text.split('\n').flatMap((line, index): SysctlLine[] => {
    if (line === '') return []
    if (/^\s*(?:[#;]|$)/.test(line)) return [{ kind: 'kept', text: line }]
    const equals = line.indexOf('=')
    if (equals < 0)
      throw refusal(
        'sysctl-file-unreadable',
        `line ${index + 1} of ${path} is neither a comment nor key=value; correct it on the node`,
      )
    const value = line.slice(equals + 1).trim()
    return [{ kind: 'pair', key: line.slice(0, equals).trim(), value }]
  })
}

/** Renders lines; an empty list is an empty file. */
export function renderSysctlFile(lines: readonly SysctlLine[]): string {
  return lines
    .map((line) => `${line.kind === 'kept' ? line.text : `${line.key}=${line.value}`}\n`)
    .join('')
}
