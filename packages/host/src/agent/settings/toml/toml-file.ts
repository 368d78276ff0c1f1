// A TOML file that is being edited (contract 5.6): lines that nobody asked to change stay byte for
// byte. Each edit is parsed again by a parser that knows nothing of how it was made, and must mean
// exactly what was wanted, else nothing is written (threat T13).
import { parse } from 'smol-toml'
import { OsError } from '@kubenest/base/errors'
import { refusal } from '../setting-values.ts'
import type { EditOutcome, StructuredFile } from '../structured-model.ts'
import { canonicalText } from '../structured-value.ts'
import { addPair, appendToList, removeKey, replaceValue } from './toml-edit.ts'
import { renderTomlValue } from './toml-render.ts'

type Table = Record<string, unknown>

/** Opens a file; throws OsError `invalid` when it is not TOML, naming the line. */
export function openTomlFile(path: string, before: string): StructuredFile {
  const meant = read(path, before)
  let text = before

  function take(next: string | undefined): EditOutcome {
    if (next === undefined) return 'value-not-usable'
    text = next
    return 'done'
  }

  function set(keys: readonly string[], value: unknown): EditOutcome {
    const rendered = renderTomlValue(value)
    if (rendered === undefined) return 'value-not-usable'
    const holder = holderOf(meant, keys)
    if (holder === undefined) return 'not-a-table'
    const name = keys.at(-1) ?? ''
    const old = Object.hasOwn(holder, name) ? holder[name] : undefined
    if (Array.isArray(old)) return append(keys, old, value)
    const outcome = take(setText(text, keys, old, rendered))
    if (outcome === 'done') assign(meant, keys, usable(value))
    return outcome
  }

  function append(keys: readonly string[], old: unknown[], value: unknown): EditOutcome {
    if (!Array.isArray(value)) return 'not-a-list'
    const items = value.flatMap((item) => renderTomlValue(item) ?? [])
    const outcome = take(appendToList(text, keys, items))
    if (outcome === 'done') old.push(...(usable(value) as unknown[]))
    return outcome
  }

  function remove(keys: readonly string[]): EditOutcome {
    const found = lookUp(meant, keys)
    if (found === undefined) return 'nothing-to-delete'
    // A table that is there only in meaning has no text any more.
    const outcome = take(removeKey(text, keys) ?? (isEmptyTable(found.value) ? text : undefined))
    if (outcome === 'done') delete found.holder[keys.at(-1) ?? '']
    return outcome
  }

  return {
    set,
    remove,
    observe: (keys) => {
      const found = lookUp(meant, keys)
      return found === undefined ? undefined : canonicalText(found.value)
    },
    render: () => {
      if (text !== before) assertMeaning(path, text, meant)
      return text
    },
  }
}

function read(path: string, text: string): Table {
  try {
    const table = parse(text, { integersAsBigInt: 'asNeeded' })
    canonicalText(table)
    return table
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : ''
    throw refusal(
      'toml-file-unreadable',
      `${path} is not valid TOML (${reason}${placeOf(cause)}); correct it on the node`,
    )
  }
}

function placeOf(cause: unknown): string {
  const line = cause instanceof Error && 'line' in cause ? cause.line : undefined
  return typeof line === 'number' ? `, line ${line}` : ''
}

function setText(
  text: string,
  keys: readonly string[],
  old: unknown,
  value: string,
): string | undefined {
  if (old === undefined) return addPair(text, keys, value)
  const replaced = isTable(old) ? undefined : replaceValue(text, keys, value)
  if (replaced !== undefined) return replaced
  const removed = removeKey(text, keys) ?? (isEmptyTable(old) ? text : undefined)
  return removed === undefined ? undefined : addPair(removed, keys, value)
}

/** The table that holds the last part; `undefined` when a part on the way is something else. */
function holderOf(root: Table, keys: readonly string[]): Table | undefined {
  let at: Table = root
  for (const key of keys.slice(0, -1)) {
    const next = Object.hasOwn(at, key) ? at[key] : {}
    if (!isTable(next)) return undefined
    at = next
  }
  return at
}

function assign(root: Table, keys: readonly string[], value: unknown): void {
  let at = root
  for (const key of keys.slice(0, -1)) {
    if (!Object.hasOwn(at, key)) at[key] = {}
    const next = at[key]
    if (!isTable(next)) return
    at = next
  }
  at[keys.at(-1) ?? ''] = value
}

function lookUp(
  root: Table,
  keys: readonly string[],
): { readonly holder: Table; readonly value: unknown } | undefined {
  const holder = holderOf(root, keys)
  const name = keys.at(-1) ?? ''
  return holder !== undefined && Object.hasOwn(holder, name)
    ? { holder, value: holder[name] }
    : undefined
}

/** A list without the elements that TOML cannot hold. */
function usable(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  return value.filter((item) => renderTomlValue(item) !== undefined).map(usable)
}

function isTable(value: unknown): value is Table {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  )
}

function isEmptyTable(value: unknown): boolean {
  return isTable(value) && Object.values(value).every(isEmptyTable)
}

function assertMeaning(path: string, text: string, meant: Table): void {
  if (meaningOf(text) === canonicalText(withoutEmpty(meant))) return
  throw new OsError('host', {
    code: 'setting-edit-failed',
    message: `Cannot edit ${path}: the result would not mean what was asked for; change it on the node`,
  })
}

function meaningOf(text: string): string | undefined {
  try {
    return canonicalText(withoutEmpty(parse(text, { integersAsBigInt: 'asNeeded' })))
  } catch {
    // Not even TOML: certainly not what was wanted.
    return undefined
  }
}

/** An empty table and none mean the same to the reader, and only the text knows which it is. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (!isTable(value)) return value
  const kept = Object.entries(value).filter(([, each]) => !isEmptyTable(each))
  return new Map(kept.map(([key, each]) => [key, withoutEmpty(each)]))
}
