// Source text with comments and string contents replaced by spaces, so that a search finds code
// only. Line numbers stay right. Regular expressions are told from division by what stands before
// them.

type Mode = 'code' | 'line-comment' | 'block-comment' | 'regex' | "'" | '"' | '`'

const BEFORE_REGEX = /(^|[=(,:;!&|?{}[\n>]|\breturn|\btypeof|\bcase|\bin)\s*$/

/**
 * Keeps code and quotes; blanks comments and the insides of strings, templates and regexes.
 *
 * @param fill stands for each character inside a literal, where they must differ from comments.
 */
export function blankText(source: string, fill = ' '): string {
  let out = ''
  let mode: Mode = 'code'
  let inClass = false
  // Depth of braces at which a template's `${…}` ends.
  const templates: number[] = []
  let depth = 0
  for (let at = 0; at < source.length; at++) {
    const char = source[at] ?? ''
    const pair = char + (source[at + 1] ?? '')
    if (mode === 'code') {
      const next = openedBy(char, pair, out)
      if (char === '{') depth++
      if (char === '}' && templates.at(-1) === depth--) {
        templates.pop()
        mode = '`'
      } else if (next !== undefined) mode = next
      out += mode === 'line-comment' || mode === 'block-comment' ? ' ' : char
      continue
    }
    const isLiteral = mode !== 'line-comment' && mode !== 'block-comment'
    if (isLiteral && char === '\\') {
      out += source[at + 1] === '\n' ? `${fill}\n` : fill + fill
      at++
    } else if (mode === '`' && pair === '${') {
      depth++
      templates.push(depth)
      out += pair
      at++
      mode = 'code'
    } else if (mode === 'block-comment' && pair === '*/') {
      out += '  '
      at++
      mode = 'code'
    } else if (mode === 'regex' && (char === '[' || char === ']')) {
      inClass = char === '['
      out += fill
    } else if ((char === mode || (mode === 'regex' && char === '/')) && !inClass) {
      out += char
      mode = 'code'
    } else {
      if (char === '\n' && mode === 'line-comment') mode = 'code'
      const blank = isLiteral ? fill : ' '
      out += char === '\n' ? '\n' : blank
    }
  }
  return out
}

function openedBy(char: string, pair: string, before: string): Mode | undefined {
  if (pair === '//') return 'line-comment'
  if (pair === '/*') return 'block-comment'
  if (char === '/' && BEFORE_REGEX.test(before.slice(-40))) return 'regex'
  return char === "'" || char === '"' || char === '`' ? char : undefined
}
