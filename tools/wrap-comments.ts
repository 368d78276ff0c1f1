// Part of `make fmt`: the formatter breaks code at 100 columns but leaves comments alone. This
// breaks comment lines that are too long and lets what is left over flow into the next line of the
// same comment.
import path from 'node:path'
import { REPOSITORY } from './repository.ts'
import { blankText } from './blank-text.ts'
import { readSourceFiles } from './source-files.ts'

const COLUMNS_MAX = 100
const LINE = /^(?<prefix>\s*(?:\/\/|\*(?!\/)) )(?<words>\S.*)$/
const ONE_LINE_DOC = /^(?<indent>\s*)\/\*\* (?<words>.*) \*\/$/
/** Put before lines that are no comment, so that no pattern takes them for one. */
const CODE = '\u0000'
/** Where a new thought begins: list entries, tags, fences, tables, directives to tools. */
const OWN_LINE = /^([-*@`|]|\d+[.)] |oxlint|check-sizes)/

/** The same text with no comment line above the limit, as far as words allow. */
export function wrapComments(text: string): string {
  // Lines inside a template may look like comments; filled, they are not blank.
  const filled = blankText(text, '_').split('\n')
  const isComment = (at: number) => filled[at]?.trim() === ''
  const input = text
    .split('\n')
    .flatMap((line, at) => (isComment(at) ? openDoc(line) : [CODE + line]))
  const output: string[] = []
  for (let at = 0; at < input.length; at++) {
    const line = input[at] ?? ''
    const match = LINE.exec(line)?.groups
    if (match === undefined || line.length <= COLUMNS_MAX || /https?:\/\//.test(line)) {
      output.push(line)
      continue
    }
    const prefix = match['prefix'] ?? ''
    const [kept, rest] = breakAt(match['words'] ?? '', COLUMNS_MAX - prefix.length)
    output.push(prefix + kept)
    if (rest === '') continue
    const next = LINE.exec(input[at + 1] ?? '')?.groups
    const flows = next?.['prefix'] === prefix && !OWN_LINE.test(next['words'] ?? '')
    // What is left over is looked at again as the next line.
    input.splice(at + 1, flows ? 1 : 0, prefix + rest + (flows ? ` ${next['words']}` : ''))
  }
  return output.join('\n').replaceAll(CODE, '')
}

function openDoc(line: string): string[] {
  const match = ONE_LINE_DOC.exec(line)?.groups
  if (match === undefined || line.length <= COLUMNS_MAX) return [line]
  const indent = match['indent'] ?? ''
  return [`${indent}/**`, `${indent} * ${match['words']}`, `${indent} */`]
}

function breakAt(words: string, width: number): [string, string] {
  const space = words.lastIndexOf(' ', width)
  return space <= 0 ? [words, ''] : [words.slice(0, space), words.slice(space + 1)]
}

if (import.meta.main)
  for (const { path: file, text } of await readSourceFiles('.ts')) {
    const wrapped = wrapComments(text)
    if (wrapped === text) continue
    await Bun.write(path.join(REPOSITORY, file), wrapped)
    console.log(file)
  }
