// Which package system a repository file is for (decision 27), and what apt needs to know of it.
import { configError } from './config-error.ts'

/** Kind of a repository file, with the suite the base system comes from. */
export type RepoKind = { kind: 'deb'; suite: string } | { kind: 'rpm' }

const ONE_LINE = /^deb(-src)?\s+(\[[^\]]*\]\s+)?\S+\s+(?<suite>\S+)/

/** Tells deb (one-line or deb822) from rpm (`[section]`s). Throws `invalid` when it is neither. */
export function parseRepoKind(text: string, file: string): RepoKind {
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*(#|$)/.test(line))
  const oneLine = lines.map((line) => ONE_LINE.exec(line.trim())).find((match) => match !== null)
  if (oneLine?.groups?.['suite'] !== undefined)
    return { kind: 'deb', suite: oneLine.groups['suite'] }
  const suite = deb822Suite(lines)
  if (suite !== undefined) return { kind: 'deb', suite }
  if (lines.some((line) => /^\[[^\]]+\]\s*$/.test(line))) return { kind: 'rpm' }
  throw configError(
    'repo-kind',
    'from_repo.repo_path',
    file,
    'it is neither an apt source (a line "deb URL SUITE main", or Types:, URIs: and Suites:) nor a yum file; correct the file',
  )
}

function deb822Suite(lines: readonly string[]): string | undefined {
  const isDeb = lines.some((line) => /^types:.*\bdeb\b/i.test(line))
  const hasUris = lines.some((line) => /^uris:\s*\S/i.test(line))
  const suites = lines.find((line) => /^suites:\s*\S/i.test(line))
  if (!isDeb || !hasUris || suites === undefined) return undefined
  return suites.replace(/^suites:\s*/i, '').split(/\s+/)[0]
}
