// Values for files with types (YAML, TOML): what no value may hold, and equality of what two files
// mean.
import { checkText, refusal, shown } from './setting-values.ts'

const DEPTH_MAX = 16
const VALUES_MAX = 2000
/** Levels of a file, beyond which it is no configuration. */
const FILE_DEPTH_MAX = 64

/** Refuses values that no file can hold, or that hide what they say; strings are not trimmed. */
export function checkStructuredValue(key: string, value: unknown): void {
  let count = 0
  function visit(each: unknown, depth: number): void {
    count += 1
    if (depth > DEPTH_MAX || count > VALUES_MAX)
      throw refusal(
        'setting-value-refused',
        `the value of ${shown(key)} has more than ${VALUES_MAX} parts or ${DEPTH_MAX} levels`,
      )
    if (typeof each === 'string') checkText(key, each)
    if (typeof each === 'number') checkNumber(key, each)
    if (Array.isArray(each)) for (const item of each) visit(item, depth + 1)
    else if (typeof each === 'object' && each !== null) visitMembers(each, depth)
  }
  function visitMembers(members: object, depth: number): void {
    for (const [name, member] of Object.entries(members)) {
      checkText(key, name)
      if (name === '__proto__')
        throw refusal('setting-value-refused', `the value of ${shown(key)} holds ${shown(name)}`)
      visit(member, depth + 1)
    }
  }
  visit(value, 0)
}

function checkNumber(key: string, value: number): void {
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21)
    throw refusal(
      'setting-value-inexact',
      `the value of ${shown(key)} is too large to pass as a number; write it in quotes`,
    )
}

/**
 * Text that is equal for equal data, whatever the order of keys; maps and objects are alike.
 *
 * @throws {RangeError} for data without an end (a YAML alias to what holds it).
 */
export function canonicalText(value: unknown, depth = 0): string {
  if (depth > FILE_DEPTH_MAX) throw new RangeError(`more than ${FILE_DEPTH_MAX} levels`)
  if (Array.isArray(value))
    return `[${value.map((each) => canonicalText(each, depth + 1)).join(',')}]`
  if (value instanceof Date) return `date:${value.toISOString()}`
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries: [unknown, unknown][] =
    value instanceof Map ? [...(value as Map<unknown, unknown>)] : Object.entries(value)
  const texts = entries.map(
    ([name, each]) => `${JSON.stringify(name)}:${canonicalText(each, depth + 1)}`,
  )
  return `{${texts.sort().join(',')}}`
}
