// What others build on is documented where it is declared (house style 3.7), and every file opens
// by saying which question it answers.
import { exportsOf } from './exports.ts'
import { type Finding, isTestFile, type SourceFile } from './source-files.ts'

const SHARED = /^packages\/(api|base|kube|provision)\/src\//
const OPENS_WITH_COMMENT = /^(#!.*\n)?(\/\/|\/\*)/

/** Exports of shared packages without TSDoc, and files without opening comment. */
export function checkTsdoc(files: readonly SourceFile[]): Finding[] {
  return files.filter(({ path }) => !isTestFile(path)).flatMap(checkFile)
}

function checkFile(file: SourceFile): Finding[] {
  const findings: Finding[] = []
  if (!OPENS_WITH_COMMENT.test(file.text))
    findings.push({ path: file.path, line: 1, message: 'does not open with what it is for' })
  if (!SHARED.test(file.path)) return findings
  const silent = exportsOf(file).filter((each) => !each.isDocumented && needsWords(each))
  return [
    ...findings,
    ...silent.map(({ name, line }) => ({ path: file.path, line, message: `${name} has no TSDoc` })),
  ]
}

/**
 * Words of the wire (`OS_GROUP`) and schemas speak for themselves; so do the bags of arguments of a
 * documented function, whose members carry the words.
 */
function needsWords({ name, kind }: { name: string; kind: string }): boolean {
  if (kind === 'interface') return !/(Options|Request|Deps|Context)$/.test(name)
  return kind !== 'const' || /^[a-z]/.test(name)
}
