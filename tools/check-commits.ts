// A commit says what changes and why (house style 3.9): `type(area): subject`, then a body.
import { outputOf } from './repository.ts'
import type { Finding } from './source-files.ts'

const SUBJECT = /^(feat|fix|test|docs|refactor|chore|perf)\([a-z0-9-]+\): \S/
const SUBJECT_LENGTH_MAX = 72
const COMMITS_MAX = 50

/** A commit as the checker reads it. */
export interface Commit {
  readonly id: string
  readonly subject: string
  readonly body: string
}

/** What is wrong with the messages. */
export function checkCommits(commits: readonly Commit[]): Finding[] {
  return commits.flatMap(({ id, subject, body }) => {
    const messages: string[] = []
    if (!SUBJECT.test(subject)) messages.push('the subject is not "type(area): what changes"')
    if (subject.length > SUBJECT_LENGTH_MAX)
      messages.push(`the subject has ${subject.length} characters; at most ${SUBJECT_LENGTH_MAX}`)
    if (body.trim() === '') messages.push('there is no body: say why, and who was hurt')
    return messages.map((message) => ({
      path: id.slice(0, 10),
      message: `${message} (${subject})`,
    }))
  })
}

/**
 * Messages that can still be changed must be right; landed ones, the last fifty, are only shown:
 * history is not rewritten.
 */
export async function findCommitProblems(): Promise<Finding[]> {
  const open = await mergeBase().catch(() => undefined)
  const findings = checkCommits(await readCommits(open ?? 'HEAD'))
  return open === undefined ? findings.map((each) => ({ ...each, isWarning: true })) : findings
}

/** Commits of a range, newest first, merges left out. */
export async function readCommits(range: string): Promise<Commit[]> {
  const format = '--format=%H%x00%s%x00%b%x01'
  const log = await outputOf(['git', 'log', '--no-merges', `-${COMMITS_MAX}`, format, range])
  return log
    .split('\u0001')
    .map((entry) => entry.trim().split('\0'))
    .filter((fields) => fields.length === 3)
    .map(([id = '', subject = '', body = '']) => ({ id, subject, body }))
}

/** What is not in the upstream branch yet; `undefined` when everything is. */
async function mergeBase(): Promise<string | undefined> {
  const base = await outputOf(['git', 'merge-base', 'HEAD', 'origin/main'])
  const head = await outputOf(['git', 'rev-parse', 'HEAD'])
  return base === head ? undefined : `${base}..HEAD`
}
