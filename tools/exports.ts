// What a file exports at top level, read from formatted text (`export` stands in column one).
import type { SourceFile } from './source-files.ts'

/** One exported declaration. */
export interface Export {
  readonly name: string
  readonly kind: 'function' | 'class' | 'interface' | 'type' | 'const'
  readonly line: number
  /** A TSDoc comment ends right above it. */
  readonly isDocumented: boolean
}

const EXPORT =
  /^export (?:default )?(?:declare )?(?:async )?(?:abstract )?(function|class|interface|type|const|let)\*? ([A-Za-z_$][\w$]*)/

/** Exported declarations in order; re-exports are not among them. */
export function exportsOf({ text }: SourceFile): Export[] {
  const lines = text.split('\n')
  return lines.flatMap((content, index) => {
    const match = EXPORT.exec(content)
    if (match === null) return []
    const kind = (match[1] === 'let' ? 'const' : match[1]) as Export['kind']
    const isDocumented = /\*\/\s*$/.test(lines[index - 1] ?? '')
    return [{ name: match[2] ?? '', kind, line: index + 1, isDocumented }]
  })
}
