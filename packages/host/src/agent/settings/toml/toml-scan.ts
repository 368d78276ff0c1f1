// Where things are in a TOML text: headers, pairs, list elements, with their positions. For text
// that a TOML parser has accepted before; it finds ends, it does not judge.

/** A half-open range of the text. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** `[a.b]` or `[[a.b]]`. */
export interface TomlHeader extends Range {
  readonly kind: 'header'
  readonly path: readonly string[]
  readonly isList: boolean
}

/** `key = value` on lines of its own, or inside an inline table. */
export interface TomlPair extends Range {
  readonly kind: 'pair'
  /** From the root. */
  readonly path: readonly string[]
  /** Path of the header or inline table that it stands in. */
  readonly within: readonly string[]
  readonly value: TomlValue
  /** Inside an inline table: the braces and their pairs. */
  readonly inline?: TomlValue
}

/** A value; elements of a list and pairs of an inline table with their places. */
export interface TomlValue extends Range {
  readonly kind: 'scalar' | 'list' | 'inline-table'
  readonly items: readonly Range[]
}

/** Headers and pairs in the order of the text; those of inline tables follow the outer pair. */
export function scanToml(text: string): (TomlHeader | TomlPair)[] {
  const found: (TomlHeader | TomlPair)[] = []
  let within: readonly string[] = []
  let at = 0
  while (at < text.length) {
    const start = at
    at = skipBlanks(text, at)
    if (text[at] === '[') {
      const isList = text[at + 1] === '['
      const { path } = scanKey(text, at + (isList ? 2 : 1))
      within = path
      at = lineEnd(text, at)
      found.push({ kind: 'header', path, isList, start, end: at })
      continue
    }
    if (!isLineOver(text[at])) {
      const pairs = scanPair(text, at, within)
      const outer = pairs[0]
      at = lineEnd(text, outer?.end ?? at)
      if (outer !== undefined) found.push({ ...outer, start, end: at }, ...pairs.slice(1))
      continue
    }
    at = lineEnd(text, at)
  }
  return found
}

/** A pair that begins at `start`, and those of its inline table; `end` is that of the value. */
function scanPair(
  text: string,
  start: number,
  within: readonly string[],
  inline?: TomlValue,
): TomlPair[] {
  const { path: keys, end } = scanKey(text, start)
  const value = scanValue(text, skipBlanks(text, end + 1), inline !== undefined)
  const path = [...within, ...keys]
  const pair = { kind: 'pair', path, within, value, start, end: value.end } as const
  const inner =
    value.kind === 'inline-table'
      ? value.items.flatMap((item) => scanPair(text, item.start, path, value))
      : []
  return [inline === undefined ? pair : { ...pair, inline }, ...inner]
}

/** A dotted key up to `=` or `]`; `end` is the place of that. */
function scanKey(text: string, start: number): { path: string[]; end: number } {
  const path: string[] = []
  let at = start
  for (;;) {
    at = skipBlanks(text, at)
    const quote = text[at]
    if (quote === '"' || quote === "'") {
      const end = skipString(text, at)
      path.push(unquote(text.slice(at, end)))
      at = end
    } else {
      const bare = /[A-Za-z0-9_-]*/y
      bare.lastIndex = at
      const name = bare.exec(text)?.[0] ?? ''
      path.push(name)
      at += name.length
    }
    at = skipBlanks(text, at)
    if (text[at] !== '.') return { path, end: at }
    at += 1
  }
}

function unquote(raw: string): string {
  if (raw.startsWith("'")) return raw.slice(1, -1)
  const json = raw.replaceAll(
    /\\(?:U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|e)/g,
    (all, long, short) => {
      const code = all === '\\e' ? 0x1b : Number.parseInt(String(long ?? short), 16)
      return JSON.stringify(String.fromCodePoint(code)).slice(1, -1)
    },
  )
  return JSON.parse(json) as string
}

/** The value that begins at `start`. */
export function scanValue(text: string, start: number, inside = false): TomlValue {
  const first = text[start]
  if (first === '[') return scanItems(text, start, ']', 'list')
  if (first === '{') return scanItems(text, start, '}', 'inline-table')
  if (first === '"' || first === "'")
    return { kind: 'scalar', items: [], start, end: skipString(text, start) }
  // A date may hold a blank; what follows it is a comment, the line's end, or a delimiter.
  const bare = inside ? /[^,\]}#\r\n]*/y : /[^#\r\n]*/y
  bare.lastIndex = start
  const end = start + (bare.exec(text)?.[0] ?? '').trimEnd().length
  return { kind: 'scalar', items: [], start, end }
}

function scanItems(
  text: string,
  start: number,
  closer: ']' | '}',
  kind: 'list' | 'inline-table',
): TomlValue {
  const items: Range[] = []
  let at = start + 1
  while (at < text.length) {
    at = skipSpace(text, at)
    if (text[at] === closer) return { kind, items, start, end: at + 1 }
    if (text[at] === ',') {
      at += 1
      continue
    }
    const end =
      kind === 'list'
        ? scanValue(text, at, true).end
        : scanValue(text, skipBlanks(text, scanKey(text, at).end + 1), true).end
    items.push({ start: at, end })
    // Text that is no TOML must not hold us here.
    at = Math.max(end, at + 1)
  }
  return { kind, items, start, end: text.length }
}

function skipString(text: string, start: number): number {
  const quote = text[start] ?? ''
  const long = quote.repeat(3)
  const isLong = text.startsWith(long, start)
  const closer = isLong ? long : quote
  let at = start + closer.length
  while (at < text.length) {
    if (quote === '"' && text[at] === '\\') at += 2
    else if (text.startsWith(closer, at)) {
      at += closer.length
      // Up to two more quotes belong to a long string's content.
      if (isLong) for (let more = 0; more < 2 && text[at] === quote; more += 1) at += 1
      return at
    } else at += 1
  }
  return text.length
}

function skipBlanks(text: string, start: number): number {
  let at = start
  while (text[at] === ' ' || text[at] === '\t') at += 1
  return at
}

/** Blanks, line ends and comments. */
function skipSpace(text: string, start: number): number {
  const space = /(?:[ \t\r\n]|#[^\n]*)*/y
  space.lastIndex = start
  return start + (space.exec(text)?.[0].length ?? 0)
}

function isLineOver(char: string | undefined): boolean {
  return char === undefined || char === '#' || char === '\n' || char === '\r'
}

/** The place after the line's end. */
function lineEnd(text: string, start: number): number {
  const end = text.indexOf('\n', start)
  return end < 0 ? text.length : end + 1
}
