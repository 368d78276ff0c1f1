// Edits of a TOML text by splicing: nothing but the asked-for lines changes. Each function takes a
// text that a parser has accepted and returns the new one, or `undefined` for an edit it cannot
// make. Whoever calls them parses the result and compares what it means.
import { renderTomlKey } from './toml-render.ts'
import { scanToml, type Range, type TomlHeader, type TomlPair } from './toml-scan.ts'

type Statement = TomlHeader | TomlPair

/** Gives an existing pair another value. */
export function replaceValue(
  text: string,
  path: readonly string[],
  value: string,
): string | undefined {
  const pair = scanToml(text).find((each) => isPair(each) && isSame(each.path, path))
  return pair?.kind === 'pair' ? splice(text, pair.value, value) : undefined
}

/** Adds elements to the end of a list. */
export function appendToList(
  text: string,
  path: readonly string[],
  values: readonly string[],
): string | undefined {
  const pair = scanToml(text).find((each) => isPair(each) && isSame(each.path, path))
  if (pair?.kind !== 'pair' || pair.value.kind !== 'list') return undefined
  if (values.length === 0) return text
  const { items, start, end } = pair.value
  const last = items.at(-1)
  if (last === undefined) return splice(text, { start, end }, `[${values.join(', ')}]`)
  const lineStart = text.lastIndexOf('\n', last.start) + 1
  // One element to a line when the last one has a line of its own.
  const indent =
    lineStart > start ? /^[ \t]*/.exec(text.slice(lineStart, last.start))?.[0] : undefined
  const gap = indent === undefined ? ' ' : `${newlineOf(text)}${indent}`
  const added = values.map((value) => `,${gap}${value}`).join('')
  return splice(text, { start: last.end, end: last.end }, added)
}

/** Removes a pair, a table with all that is below it, or a list of tables. */
export function removeKey(text: string, path: readonly string[]): string | undefined {
  const all = scanToml(text)
  const gone = all.filter((each) => startsWith(each.path, path))
  const inline = gone.find((each) => isPair(each) && each.inline !== undefined)
  const outer = gone.filter(isOuter)
  if (outer.length === 0) return inline?.kind === 'pair' ? removeInline(text, inline) : undefined
  let result = text
  for (const range of joined(outer, all).toReversed()) result = splice(result, range, '')
  return result
}

/** Adds a pair whose path does not exist yet, where its table is or beside its relatives. */
export function addPair(text: string, path: readonly string[], value: string): string {
  const all = scanToml(text)
  for (let length = path.length - 1; length > 0; length -= 1) {
    const added = addBelow(text, all, path, length, value)
    if (added !== undefined) return added
  }
  if (path.length === 1) return addToSection(text, all, undefined, renderPair(path, value))
  return addSection(text, { start: text.length, end: text.length }, '', path, value)
}

/** `length`: how many parts of the path name a table that may exist. */
function addBelow(
  text: string,
  all: readonly Statement[],
  path: readonly string[],
  length: number,
  value: string,
): string | undefined {
  const table = path.slice(0, length)
  const rest = path.slice(length)
  const inline = all.find((each) => isPair(each) && isSame(each.path, table))
  if (inline?.kind === 'pair') return addInline(text, inline, renderPair(rest, value))
  const header = all.find((each) => each.kind === 'header' && isSame(each.path, table))
  if (header !== undefined && rest.length === 1)
    return addToSection(text, all, header, renderPair(rest, value))
  const below = all.filter((each) => isOuter(each) && startsWith(each.path, table))
  const dotted = below.findLast((each) => isPair(each) && each.within.length < length)
  if (dotted?.kind === 'pair')
    return insertLine(text, dotted, renderPair(path.slice(dotted.within.length), value))
  const first = below.find((each) => each.kind === 'header')
  if (first === undefined) return undefined
  if (rest.length > 1)
    return addSection(text, below.at(-1) ?? first, indentOf(text, first), path, value)
  const place = { start: first.start, end: commentStart(text, first.start) }
  return addSection(text, place, indentOf(text, first), path, value)
}

function addToSection(
  text: string,
  all: readonly Statement[],
  header: Statement | undefined,
  line: string,
): string {
  const from = header === undefined ? 0 : all.indexOf(header) + 1
  const next = all.findIndex((each, index) => index >= from && each.kind === 'header')
  const section = all.slice(from, next < 0 ? undefined : next)
  const last = section.findLast(isOuter) ?? header
  if (last !== undefined) return insertLine(text, last, line)
  const first = all[next]
  const place = first === undefined ? text.length : commentStart(text, first.start)
  return insertText(text, place, `${line}${newlineOf(text)}`)
}

/** A line below a statement, indented as that is. */
function insertLine(text: string, after: Range, line: string): string {
  return insertText(text, after.end, `${indentOf(text, after)}${line}${newlineOf(text)}`)
}

/** A table of its own, after `place.end`. */
function addSection(
  text: string,
  place: Range,
  indent: string,
  path: readonly string[],
  value: string,
): string {
  const newline = newlineOf(text)
  const header = `${indent}[${renderTomlKey(path.slice(0, -1))}]`
  const pair = `${indent}${renderPair(path.slice(-1), value)}`
  const isFirst = text.slice(0, place.end).trim() === ''
  return insertText(
    text,
    place.end,
    `${isFirst ? '' : newline}${header}${newline}${pair}${newline}`,
  )
}

function addInline(text: string, { value }: TomlPair, pair: string): string | undefined {
  if (value.kind !== 'inline-table') return undefined
  const last = value.items.at(-1)
  return last === undefined
    ? splice(text, value, `{ ${pair} }`)
    : splice(text, { start: last.end, end: last.end }, `, ${pair}`)
}

function removeInline(text: string, pair: TomlPair): string {
  const items = pair.inline?.items ?? []
  const at = items.findIndex((item) => item.start === pair.start)
  const [before, next] = [items[at - 1], items[at + 1]]
  if (before !== undefined) return splice(text, { start: before.end, end: pair.end }, '')
  return splice(text, { start: pair.start, end: next?.start ?? pair.end }, '')
}

/** Ranges of statements; what stands between two that follow each other goes with them. */
function joined(gone: readonly Statement[], all: readonly Statement[]): Range[] {
  const outer = all.filter(isOuter)
  const ranges: { start: number; end: number }[] = []
  for (const each of gone) {
    const before = outer[outer.indexOf(each) - 1]
    const last = ranges.at(-1)
    if (last !== undefined && before !== undefined && before.end === last.end) last.end = each.end
    else ranges.push({ start: each.start, end: each.end })
  }
  return ranges
}

/** Where the comment lines directly above a line begin. */
function commentStart(text: string, start: number): number {
  const above = /(?:^|\n)((?:[ \t]*#[^\n]*\n)*)$/.exec(text.slice(0, start))?.[1] ?? ''
  return start - above.length
}

function insertText(text: string, at: number, added: string): string {
  const before = text.slice(0, at)
  const gap = before === '' || before.endsWith('\n') ? '' : newlineOf(text)
  return `${before}${gap}${added}${text.slice(at)}`
}

function splice(text: string, { start, end }: Range, by: string): string {
  return `${text.slice(0, start)}${by}${text.slice(end)}`
}

function renderPair(path: readonly string[], value: string): string {
  return `${renderTomlKey(path)} = ${value}`
}

function indentOf(text: string, { start }: Range): string {
  return /[ \t]*/.exec(text.slice(start))?.[0] ?? ''
}

function newlineOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? '\n'
}

function isPair(statement: Statement): statement is TomlPair {
  return statement.kind === 'pair'
}

/** Not inside another pair's value, so that it ends where a line ends. */
function isOuter(statement: Statement): boolean {
  return !isPair(statement) || statement.inline === undefined
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && startsWith(left, right)
}

function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((part, index) => path[index] === part)
}
