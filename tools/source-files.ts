// The files that checks look at, and what a check says about them. Checks are pure functions from
// files to findings; reading happens here.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { outputOf, REPOSITORY } from './repository.ts'

/** A text file of the checkout. */
export interface SourceFile {
  /** Relative to the checkout. */
  readonly path: string
  readonly text: string
}

/** One thing that breaks a rule; a warning is shown and does not fail. */
export interface Finding {
  readonly path: string
  readonly line?: number
  readonly message: string
  readonly isWarning?: boolean
}

/** Files under version control, or new and not ignored, whose name ends with one of `endings`. */
export async function readSourceFiles(...endings: string[]): Promise<SourceFile[]> {
  const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'] as const
  const names = (await outputOf(['git', ...listing])).split('\0')
  const wanted = [...new Set(names)].filter((name) => endings.some((end) => name.endsWith(end)))
  const files = await Promise.all(wanted.sort().map(readIfPresent))
  return files.filter((file) => file !== undefined)
}

async function readIfPresent(name: string): Promise<SourceFile | undefined> {
  const absolute = path.join(REPOSITORY, name)
  const info = await fs.lstat(absolute).catch(() => undefined)
  return info?.isFile() ? { path: name, text: await Bun.file(absolute).text() } : undefined
}

/** True for files that only tests run, or that test nothing of ours by being odd on purpose. */
export function isTestFile(file: string): boolean {
  return /\.(test|contract)\.tsx?$|\/test(data)?\//.test(file)
}

/** One line of a report. */
export function renderFinding({ path: file, line, message, isWarning }: Finding): string {
  const place = line === undefined ? file : `${file}:${line}`
  return `${isWarning === true ? 'warning: ' : ''}${place}: ${message}`
}
