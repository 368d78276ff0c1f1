// Files stay small enough to be read at once (house style 3.7). Function length is oxlint's
// (max-lines-per-function). A file whose first lines say `check-sizes: table` or `check-sizes:
// generated` is exempt.
import { blankText } from './blank-text.ts'
import { type Finding, isTestFile, type SourceFile } from './source-files.ts'

const FILE_LINES_MAX = 500
const FILE_LINES_WARN = 300
const COLUMNS_MAX = 100
const MARKER = /check-sizes: (table|generated)/

/** Files above the limits, and lines that the formatter could not break but a person can. */
export function checkSizes(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ text }) => !MARKER.test(text.split('\n', 5).join('\n')))
    .flatMap((file) => [...checkLength(file), ...checkWidth(file)])
}

function checkLength({ path, text }: SourceFile): Finding[] {
  const lines = text.trimEnd().split('\n').length
  if (lines > FILE_LINES_MAX)
    return [{ path, message: `has ${lines} lines; the limit is ${FILE_LINES_MAX}: split it` }]
  if (lines > FILE_LINES_WARN && !isTestFile(path))
    return [{ path, message: `has ${lines} lines; think of a split`, isWarning: true }]
  return []
}

function checkWidth({ path, text }: SourceFile): Finding[] {
  const blank = blankText(text).split('\n')
  const filled = blankText(text, '_').split('\n')
  return text.split('\n').flatMap((content, index) => {
    if (content.length <= COLUMNS_MAX || /https?:\/\//.test(content)) return []
    const isComment = filled[index]?.trim() === ''
    // What is left without the insides of strings and templates, which nobody should have to break.
    const code = (blank[index] ?? '')
      .trimEnd()
      .replaceAll(/`[^`]*`/g, '``')
      .replaceAll(/(?<=\S) {2,}/g, ' ')
    if (!isComment && code.length <= COLUMNS_MAX) return []
    const message = `has ${content.length} columns; the limit is ${COLUMNS_MAX}`
    return [{ path, line: index + 1, message }]
  })
}
