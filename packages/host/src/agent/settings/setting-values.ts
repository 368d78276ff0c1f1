// Request values as text (contract 5.1), and what no text of a request may hold (threat T9).
import { OsError } from '@kubenest/base/errors'

const TEXT_LENGTH_MAX = 4096
// Controls, line and paragraph separators, and marks that change the direction of what a person
// reads.
const HOSTILE =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

/** Text of a value; `undefined` for arrays and objects, which no text model can use. */
export function valueText(key: string, value: unknown): string | undefined {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return checkText(key, value.trim())
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'number') return undefined
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    throw refusal(
      'setting-value-inexact',
      `the value of ${shown(key)} is too large to pass as a number; write it in quotes`,
    )
  return String(value)
}

/** Refuses text that could begin another line or hide what it says. */
export function checkText(key: string, text: string): string {
  if (HOSTILE.test(text))
    throw refusal(
      'setting-value-refused',
      `the value of ${shown(key)} holds a control character; remove it`,
    )
  if (text.length > TEXT_LENGTH_MAX)
    throw refusal(
      'setting-value-refused',
      `the value of ${shown(key)} is longer than ${TEXT_LENGTH_MAX} characters`,
    )
  return text
}

/** A key as it may stand in a message. */
export function shown(key: string): string {
  return JSON.stringify(key.slice(0, 100))
}

/** A setting that can never be applied as written. */
export function refusal(code: string, reason: string): OsError {
  return new OsError('invalid', { code, message: `Cannot apply the settings: ${reason}` })
}
