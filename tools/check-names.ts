// A file is found by its name (house style 3.5): kebab-case, named for what it exports, and no
// drawer names that could hold anything.
import path from 'node:path'
import { exportsOf } from './exports.ts'
import { type Finding, isTestFile, type SourceFile } from './source-files.ts'

const DRAWERS = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'shared', 'lib'])
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/

/** Names of TypeScript files and their folders that break the rules. */
export function checkNames(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => {
    const messages = [...pathProblems(file.path), ...exportProblems(file)]
    return messages.map((message) => ({ path: file.path, message }))
  })
}

function pathProblems(file: string): string[] {
  const parts = file.split('/')
  const base = (parts.pop() ?? '').replace(/(\.test|\.contract|\.d)?\.[a-z]+$/, '')
  // Folders of tools, such as .ci, begin with a dot.
  const words = [...parts.map((part) => part.replace(/^\./, '')), base]
  const problems: string[] = []
  const odd = words.find((word) => !KEBAB.test(word))
  if (odd !== undefined) problems.push(`"${odd}" is not kebab-case`)
  const drawer = words.find((word) => DRAWERS.has(word))
  if (drawer !== undefined) problems.push(`"${drawer}" says nothing: name it for its subject`)
  if (words.at(-1) === 'index') problems.push('index.ts is a barrel: import the file you mean')
  return problems
}

/** Somebody who looks for what a file exports finds it by a word of the file's name. */
function exportProblems(file: SourceFile): string[] {
  const base = path.basename(file.path, '.ts')
  if (!file.path.startsWith('packages/') || isTestFile(file.path) || base === 'main') return []
  const exported = exportsOf(file)
  const [only, ...others] = exported.filter(({ kind }) => kind === 'function' || kind === 'class')
  if (only === undefined || others.length > 0) return []
  const stems = base.split('-').map((word) => word.replace(/(?<=...)s$/, ''))
  const names = exported.map(({ name }) => name.toLowerCase())
  if (stems.some((stem) => stem.length >= 3 && names.some((name) => name.includes(stem)))) return []
  return [`exports ${only.name}: name the file ${kebab(only.name)}.ts`]
}

function kebab(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase()
}
