// What a file imports, types included, read from its text.
import { blankText } from './blank-text.ts'
import type { SourceFile } from './source-files.ts'

/** One import or re-export. */
export interface Import {
  readonly specifier: string
  readonly line: number
  readonly isTypeOnly: boolean
}

const IMPORT = /^(?:import|export)\b[^'"`;]*?(['"])|\bimport\(\s*(['"])|\brequire\(\s*(['"])/gm

/** Static imports, re-exports and `import(…)` of a constant. */
export function importsOf({ text }: SourceFile): Import[] {
  // Found in the blanked text, so that comments and strings do not count; read from the real one.
  const blank = blankText(text)
  const found: Import[] = []
  for (const match of blank.matchAll(IMPORT)) {
    const quote = match[1] ?? match[2] ?? match[3] ?? ''
    const isStatic = match[1] !== undefined
    if (isStatic && !/^import\s*['"]$|\bfrom\s*['"]$/.test(match[0])) continue
    const start = match.index + match[0].length
    const specifier = text.slice(start, text.indexOf(quote, start))
    const line = blank.slice(0, start).split('\n').length
    found.push({ specifier, line, isTypeOnly: /^(import|export)\s+type\b/.test(match[0]) })
  }
  return found
}
