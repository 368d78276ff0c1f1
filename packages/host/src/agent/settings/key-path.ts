// Keys of structured files (contract 5.5): split at dots; a part in quotes is one part and may hold
// dots; empty parts are ignored.
import { checkText, refusal, shown } from './setting-values.ts'

const KEY_LENGTH_MAX = 512
const PARTS_MAX = 32
const PART = /^(?:"([^"]*)"|'([^']*)'|([^"'.]*))(?:\.|$)/
/** Names that mean something else than a key: to programs in JavaScript, and to readers of YAML. */
const DENIED_PARTS = new Set(['__proto__', 'constructor', 'prototype', '<<'])

/** Parts of a key; empty for an empty key. Throws for one that is malformed. */
export function splitKeyPath(key: string): string[] {
  if (key.length > KEY_LENGTH_MAX) throw malformed(key)
  checkText(key, key)
  const parts: string[] = []
  let rest = key
  while (rest !== '') {
    const found = PART.exec(rest)
    if (found === null) throw malformed(key)
    const part = found[1] ?? found[2] ?? found[3] ?? ''
    if (part !== '') parts.push(part)
    rest = rest.slice(found[0].length)
  }
  if (parts.length > PARTS_MAX || parts.some((part) => DENIED_PARTS.has(part))) throw malformed(key)
  return parts
}

/**
 * A part for comparing with names that are denied. Programs in Go find a key whatever its case, and
 * to them `ſ` and the Kelvin sign are letters of other cases, too.
 */
export function foldPart(part: string): string {
  return part.toUpperCase().toLowerCase()
}

function malformed(key: string) {
  return refusal(
    'setting-key-malformed',
    `${shown(key)} is not a key; write parts with dots between them, and parts that hold dots in quotes, like a."b.c"`,
  )
}
