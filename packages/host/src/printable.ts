// Text for a terminal: foreign words (a version, a server's answer) may hold escape sequences that
// would move the cursor, recolour, or turn the direction of what a person reads. Pure.

/**
 * The text with every control but line breaks, and every bidirectional mark, written as `\uXXXX`.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (each) =>
    each === '\n' ? each : `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
