// The kernel lines of a boot menu (contract 5.4): the first line whose first word begins with
// `linux` and that has a `root=` is entry A, every later one is entry B. Everything else is kept;
// only empty lines vanish, as documented, and only when something else changes.
import type { SlotName } from '../../update/journal-state.ts'

/** A kernel line: where it is, and its words after the kernel's name. */
export interface KernelLine {
  readonly slot: SlotName
  /** Index in the list of lines. */
  readonly at: number
  /** `linux /boot/vmlinuz`. */
  readonly head: readonly string[]
  readonly words: readonly string[]
}

const INDENT = ' '.repeat(8)

/** Finds the kernel lines. */
export function kernelLinesOf(lines: readonly string[]): KernelLine[] {
  let count = 0
  return lines.flatMap((line, at) => {
    const all = line.trim().split(/[ \t]+/)
    if (all[0]?.startsWith('linux') !== true || !line.includes('root=')) return []
    count += 1
    return [{ slot: count === 1 ? 'A' : 'B', at, head: all.slice(0, 2), words: all.slice(2) }]
  })
}

/** The text with other words on some lines. */
export function replaceWords(lines: readonly string[], changed: readonly KernelLine[]): string {
  const next = [...lines]
  for (const { at, head, words } of changed) next[at] = INDENT + [...head, ...words].join(' ')
  return next
    .filter((line) => line !== '')
    .map((line) => `${line}\n`)
    .join('')
}

/** Where a new word goes: before what the menu itself puts at the end, so that this wins. */
export function endOfWords(words: readonly string[]): number {
  const own = words.findLastIndex((word) => !/^"?\$/.test(word))
  return own + 1
}
