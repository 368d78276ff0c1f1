// Edits a YAML mapping in place (contract 5.5): comments, order, anchors and quotes of what is not
// asked for stay. The result is parsed again and must mean exactly what was wanted, else nothing is
// written (threat T13).
import { isAlias, isMap, isScalar, isSeq, parseDocument, type Document, type YAMLMap } from 'yaml'
import { OsError } from '@kubenest/base/errors'
import { diffLines } from './diff-lines.ts'
import { refusal } from './setting-values.ts'
import type { EditOutcome, StructuredFile } from './structured-model.ts'
import { canonicalText } from './structured-value.ts'

/**
 * Version 1.1 is what the kubelet reads: there, `yes` and `on` are booleans, so texts like these
 * need quotes. Whole numbers of any size stay exact.
 */
const READ = { version: '1.1', uniqueKeys: true, merge: true, intAsBigInt: true } as const
/** Aliases beyond this are a bomb, not a configuration. */
const ALIASES_MAX = 50

/** Opens a file; throws OsError `invalid` when it is not a mapping, naming the line. */
export function openYamlFile(path: string, text: string): StructuredFile {
  const document = parse(path, text)
  // What the file shall mean, kept beside the document by code that shares nothing with it.
  const meant = toMap(path, document)
  let isEdited = false

  function note(outcome: EditOutcome): EditOutcome {
    isEdited ||= outcome === 'done'
    return outcome
  }

  return {
    set: (keys, value) => note(setIn(document, meant, keys, value)),
    remove: (keys) => note(removeIn(document, meant, keys)),
    observe: (keys) => {
      const found = lookUp(meant, keys)
      return found === undefined ? undefined : canonicalText(found.value)
    },
    render: () => (isEdited ? renderChecked(path, text, document, meant) : text),
  }
}

type Meaning = Map<unknown, unknown>

function parse(path: string, text: string): Document {
  const document: Document = parseDocument(text, READ)
  const fault = document.errors[0]
  if (fault !== undefined)
    throw refusal(
      'yaml-file-unreadable',
      `${path} is not valid YAML: ${fault.message.split('\n')[0] ?? ''}; correct it on the node`,
    )
  if (document.contents !== null && !isMap(document.contents) && !isEmpty(document.contents))
    throw refusal('yaml-file-unreadable', `${path} is not a mapping; correct it on the node`)
  if (!isMap(document.contents)) document.contents = document.createNode({}) as YAMLMap
  return document
}

function isEmpty(node: unknown): boolean {
  return isScalar(node) && node.value === null
}

function toMap(path: string, document: Document): Meaning {
  try {
    const meant = document.toJS({ mapAsMap: true, maxAliasCount: ALIASES_MAX }) as Meaning
    canonicalText(meant)
    return meant
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown'
    throw refusal(
      'yaml-file-unreadable',
      `the aliases of ${path} cannot be followed (${reason}); correct it on the node`,
    )
  }
}

interface Found {
  readonly holder: Meaning
  readonly value: unknown
}

function lookUp(meant: Meaning, keys: readonly string[]): Found | undefined {
  let at: unknown = meant
  for (const [index, key] of keys.entries()) {
    if (!(at instanceof Map) || !at.has(key)) return undefined
    if (index === keys.length - 1) return { holder: at, value: at.get(key) as unknown }
    at = at.get(key)
  }
  return undefined
}

function setIn(
  document: Document,
  meant: Meaning,
  keys: readonly string[],
  value: unknown,
): EditOutcome {
  const found = lookUp(meant, keys)
  if (found !== undefined && Array.isArray(found.value)) {
    if (!Array.isArray(value)) return 'not-a-list'
    return append(document, found.value, keys, value)
  }
  if (!makeLevels(document, meant, keys)) return 'not-a-table'
  document.setIn(keys, document.createNode(value))
  const holder = keys.length === 1 ? meant : lookUp(meant, keys.slice(0, -1))?.value
  if (holder instanceof Map) holder.set(keys.at(-1), asMaps(value))
  return 'done'
}

function append(
  document: Document,
  meant: unknown[],
  keys: readonly string[],
  values: readonly unknown[],
): EditOutcome {
  const node = document.getIn(keys, true)
  if (!isSeq(node)) return 'value-not-usable'
  for (const value of values) {
    node.add(document.createNode(value))
    meant.push(asMaps(value))
  }
  return 'done'
}

/** Makes the missing levels above a key; a level that is null becomes a mapping. */
function makeLevels(document: Document, meant: Meaning, keys: readonly string[]): boolean {
  let at: Meaning = meant
  for (const [index, key] of keys.slice(0, -1).entries()) {
    const next: unknown = at.get(key)
    if (next instanceof Map) {
      // Behind an alias the same mapping serves several keys: an edit would change them all.
      if (isAlias(document.getIn(keys.slice(0, index + 1), true))) return false
      at = next
      continue
    }
    if (next !== undefined && next !== null) return false
    document.setIn(keys.slice(0, index + 1), document.createNode({}))
    const made: Meaning = new Map()
    at.set(key, made)
    at = made
  }
  return true
}

function removeIn(document: Document, meant: Meaning, keys: readonly string[]): EditOutcome {
  const found = lookUp(meant, keys)
  if (found === undefined) return 'nothing-to-delete'
  if (!document.deleteIn(keys)) return 'value-not-usable'
  found.holder.delete(keys.at(-1))
  return 'done'
}

function asMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asMaps)
  if (typeof value !== 'object' || value === null) return value
  return new Map(Object.entries(value).map(([key, each]) => [key, asMaps(each)]))
}

/** The closest to the old layout that means what is wanted. */
function renderChecked(path: string, before: string, document: Document, meant: Meaning): string {
  const text = document.toString({ lineWidth: 0, ...layoutOf(before) })
  const wanted = canonicalText(meant)
  const found = [keepLayout(before, text), text].find((each) => meaningOf(each) === wanted)
  if (found !== undefined) return found
  throw new OsError('host', {
    code: 'setting-edit-failed',
    message: `Cannot edit ${path}: the result would not mean what was asked for; change it on the node`,
  })
}

function meaningOf(text: string): string | undefined {
  const document = parseDocument(text, READ)
  return document.errors.length === 0
    ? canonicalText(document.toJS({ mapAsMap: true }) ?? new Map())
    : undefined
}

/** Lines that differ from old ones in white space only, indentation aside, become the old ones. */
function keepLayout(before: string, after: string): string {
  const squeezed = (line: string) => line.replaceAll(/(?<=\S)\s+/g, ' ').trimEnd()
  return diffLines(before.split('\n'), after.split('\n'), squeezed)
    .filter((line) => line.sign !== '-')
    .map((line) => line.text)
    .join('\n')
}

/** The layout that the file already has, as far as it can be told. */
function layoutOf(text: string): {
  readonly indent: number
  readonly indentSeq: boolean
  readonly flowCollectionPadding: boolean
} {
  const indent = /^[^\s#-][^\n]*:[^\S\n]*\n( {1,8})[^\s-]/m.exec(text)?.[1]?.length ?? 2
  const hasIndentedList = /^( *)[^\s#-][^\n]*:[^\S\n]*\n\1 +- /m.test(text)
  const hasFlatList = /^( *)[^\s#-][^\n]*:[^\S\n]*\n\1- /m.test(text)
  return {
    indent: Math.max(2, indent),
    indentSeq: hasIndentedList && !hasFlatList,
    flowCollectionPadding: /[[{] /.test(text),
  }
}
