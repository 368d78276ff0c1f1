// First pass over the parsed TOML: sections, types, required keys, emptiness (rule V1). It covers
// all documented sections, also those that the wanted type does not use. Unknown keys are
// collected.
import { configError } from './config-error.ts'
import { CONFIG_SCHEMA, type KeySchema, type SectionSchema } from './config-schema.ts'
import { nearestKey } from './nearest-key.ts'

/** A parsed TOML table. */
export type Table = Readonly<Record<string, unknown>>

/** A key that no documented section has. */
export interface UnknownKey {
  readonly key: string
  readonly nearest: string | undefined
}

/**
 * Checks a document against the documented sections; returns the keys it does not know.
 * Throws an `invalid` error that names the key for everything else.
 */
export function checkSchema(document: Table): UnknownKey[] {
  const unknown: UnknownKey[] = []
  for (const [name, value] of Object.entries(document)) {
    const schema = Object.hasOwn(CONFIG_SCHEMA, name) ? CONFIG_SCHEMA[name] : undefined
    if (schema === undefined)
      unknown.push({ key: name, nearest: nearestKey(name, Object.keys(CONFIG_SCHEMA)) })
    else unknown.push(...checkSection(name, value, schema))
  }
  return unknown
}

function checkSection(name: string, value: unknown, schema: SectionSchema): UnknownKey[] {
  if (!schema.repeated) return checkTable(name, `[${name}]`, value, schema)
  if (!Array.isArray(value))
    throw configError('wrong-type', name, undefined, `write it as [[${name}]], once for each entry`)
  return value.flatMap((entry, index) =>
    checkTable(`${name}[${index}]`, `[[${name}]]`, entry, schema),
  )
}

function checkTable(
  path: string,
  heading: string,
  value: unknown,
  schema: SectionSchema,
): UnknownKey[] {
  if (!isTable(value))
    throw configError(
      'wrong-type',
      path,
      undefined,
      `it must be a section; begin it with ${heading}`,
    )
  for (const [key, keySchema] of Object.entries(schema.keys)) {
    if (value[key] !== undefined) checkValue(`${path}.${key}`, value[key], keySchema)
    else if (keySchema.required)
      throw configError(
        'missing-key',
        `${path}.${key}`,
        undefined,
        `it is missing; add it to ${heading}`,
      )
  }
  return Object.keys(value)
    .filter((key) => !Object.hasOwn(schema.keys, key))
    .map((key) => {
      const nearest = nearestKey(key, Object.keys(schema.keys))
      return { key: `${path}.${key}`, nearest }
    })
}

/** True for a TOML table (not an array, not a date). */
export function isTable(value: unknown): value is Table {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)
  )
}

const WANTED = {
  text: 'a string',
  texts: 'an array of strings',
  'non-empty-texts': 'an array of strings with at least one',
  boolean: 'true or false',
  unsigned: 'a whole number, 0 or more',
} as const

function checkValue(path: string, value: unknown, schema: KeySchema): void {
  const shown = schema.secret ? undefined : value
  if (!hasType(value, schema.type))
    throw configError('wrong-type', path, shown, `it must be ${WANTED[schema.type]}`)
  if (schema.type === 'text' && isBlank(value))
    throw configError(
      'empty-value',
      path,
      shown,
      'it must not be empty; give a value or remove the key',
    )
  if (schema.type === 'non-empty-texts' && Array.isArray(value) && value.some(isBlank))
    throw configError('empty-value', path, shown, 'it has an empty entry; remove the entry')
}

function hasType(value: unknown, type: KeySchema['type']): boolean {
  if (type === 'text') return typeof value === 'string'
  if (type === 'boolean') return typeof value === 'boolean'
  if (type === 'unsigned') return Number.isSafeInteger(value) && Number(value) >= 0
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string')) return false
  return type === 'texts' || value.length > 0
}

function isBlank(value: unknown): boolean {
  return typeof value === 'string' && value.trim() === ''
}
