// Which test files belong to which suite (house style 3.8), and how long a suite may take.
import path from 'node:path'
import { REPOSITORY } from './repository.ts'

/** Suites in the order in which they run: quick ones first. */
export const SUITES = ['ok', 'component', 'kube', 'vm', 'prove'] as const
export type Suite = (typeof SUITES)[number]

interface SuiteRule {
  readonly globs: readonly string[]
  readonly belongs: (file: string) => boolean
  readonly limitMs: number
}

const MINUTE_MS = 60_000
const isPackageTest = (file: string) => /^packages\/[^/]+\/test\//.test(file)
/** Long forms of component tests: hours, not minutes. */
const isProof = (file: string) => /^packages\/[^/]+\/test\/prove\//.test(file)

const RULES: Readonly<Record<Suite, SuiteRule>> = {
  ok: {
    globs: ['packages/**/*.test.ts', 'tools/*.test.ts'],
    belongs: (file) => !isPackageTest(file),
    limitMs: 10 * MINUTE_MS,
  },
  component: {
    globs: ['packages/*/test/**/*.test.ts'],
    belongs: (file) => isPackageTest(file) && !isProof(file),
    limitMs: 25 * MINUTE_MS,
  },
  kube: { globs: ['e2e/kube/**/*.test.ts'], belongs: () => true, limitMs: 30 * MINUTE_MS },
  vm: { globs: ['e2e/vm/*.test.ts'], belongs: () => true, limitMs: 45 * MINUTE_MS },
  prove: {
    // Those in faults have both forms in one file and choose by KUBENEST_PROVE.
    globs: [
      'packages/*/test/prove/**/*.test.ts',
      'packages/*/test/faults/**/*.test.ts',
      'e2e/vm/prove/**/*.test.ts',
    ],
    belongs: () => true,
    limitMs: 12 * 60 * MINUTE_MS,
  },
}

/** Time after which a suite is killed and counts as failed, milliseconds. */
export function suiteLimitMs(suite: Suite): number {
  return RULES[suite].limitMs
}

/** Test files of a suite, sorted, relative to the root. */
export async function suiteFiles(suite: Suite, root = REPOSITORY): Promise<string[]> {
  const { globs, belongs } = RULES[suite]
  const files = new Set<string>()
  for (const glob of globs)
    for await (const file of new Bun.Glob(glob).scan({ cwd: root }))
      if (belongs(file) && !file.split(path.sep).includes('node_modules')) files.add(file)
  return [...files].sort()
}
