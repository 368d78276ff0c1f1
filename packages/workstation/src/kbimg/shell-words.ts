// PURE: words as bash reads them back. What a user wrote stays one word and never becomes script
// text, whatever it holds.

const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/

/** One word, quoted when it has to be. Everything stays on one line. */
export function quoteWord(word: string): string {
  if (PLAIN.test(word)) return word
  if (!CONTROL.test(word)) return `'${word.replaceAll("'", `'\\''`)}'`
  // oxlint-disable-next-line no-control-regex
  const escaped = word.replace(/[\u0000-\u001f\u007f'\\]/g, (letter) =>
    letter === "'" || letter === '\\'
      ? `\\${letter}`
      : `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  return `$'${escaped}'`
}

/** A command line. */
export function quoteWords(words: readonly string[]): string {
  return words.map(quoteWord).join(' ')
}
