// What a setting does to the words of a kernel line (table of contract 5.4). Only the first word of
// a name is matched.
import { endOfWords } from './menu-file.ts'

/** The words afterwards; `reason` when they stay as they were. */
export type WordEdit =
  | { readonly isDone: true; readonly words: readonly string[] }
  | { readonly isDone: false; readonly reason: string }

/** Sets or deletes a word. */
export function editWords(
  words: readonly string[],
  key: string,
  value: string,
  operation: string,
): WordEdit {
  const at = words.findIndex((word) => word === key || word.startsWith(`${key}=`))
  const old = words[at]
  const wanted = value === '' ? key : `${key}=${value}`
  if (operation === 'delete') {
    if (old === undefined) return skip('there is nothing to delete')
    if (old !== wanted) return skip('the value differs, so it is not deleted')
    return { isDone: true, words: words.toSpliced(at, 1) }
  }
  if (old === undefined)
    return { isDone: true, words: words.toSpliced(endOfWords(words), 0, wanted) }
  if (value === '' && old !== key)
    return skip('the value is empty; to keep only the key, delete it first')
  return { isDone: true, words: words.with(at, wanted) }
}

function skip(reason: string): WordEdit {
  return { isDone: false, reason }
}
