// The gate beside the tests: every check that `make ok` runs, in one table.
import path from 'node:path'
import { findCommitProblems } from './check-commits.ts'
import { checkDocsParity } from './check-docs-parity.ts'
import { checkEffects } from './check-effects.ts'
import { checkGenerated } from './check-generated.ts'
import { checkLayers } from './check-layers.ts'
import { checkNames } from './check-names.ts'
import { checkPins } from './check-pins.ts'
import { checkSizes } from './check-sizes.ts'
import { checkTsdoc } from './check-tsdoc.ts'
import { renderCrds } from './generate-crds.ts'
import { REPOSITORY } from './repository.ts'
import { type Finding, readSourceFiles, renderFinding } from './source-files.ts'

/**
 * A rule of the repository: either our own function, or a program that says it by its exit code.
 */
export type Check =
  | { readonly name: string; readonly find: () => Promise<readonly Finding[]> }
  | { readonly name: string; readonly argv: readonly [string, ...string[]] }

// Run by Bun: the machine's own Node is used for nothing but npm.
const BUN = process.execPath
const TYPE_AWARE_LINT = 'node_modules/@oxlint-tsgolint/linux-x64/tsgolint'
const sources = () => readSourceFiles('.ts')

/** In the order in which they run: cheap and local first. */
export const CHECKS: readonly Check[] = [
  // Code only: prose and manifests are laid out by people, or by their generator.
  { name: 'format', argv: [BUN, 'fmt', '--check', '**/*.ts'] },
  { name: 'lint', argv: [BUN, 'node_modules/oxlint/bin/oxlint', '--type-aware'] },
  { name: 'types', argv: [BUN, 'node_modules/typescript/bin/tsc', '-p', '.'] },
  { name: 'layers', find: async () => checkLayers(await sources()) },
  { name: 'effects', find: async () => checkEffects(await sources()) },
  { name: 'sizes', find: async () => checkSizes(await sources()) },
  { name: 'names', find: async () => checkNames(await sources()) },
  { name: 'tsdoc', find: async () => checkTsdoc(await sources()) },
  { name: 'docs-parity', find: async () => checkDocsParity(await readSourceFiles('.md')) },
  { name: 'commits', find: findCommitProblems },
  { name: 'pins', find: async () => checkPins(await readSourceFiles('.json')) },
  {
    name: 'generated',
    find: async () =>
      checkGenerated(
        await readSourceFiles('.yaml'),
        renderCrds(),
        'run bun tools/generate-crds.ts',
      ),
  },
]

/** Runs one check and prints its findings; false when it fails. */
export async function runCheck(check: Check): Promise<boolean> {
  const passed = 'argv' in check ? await runProgram(check.argv) : report(await check.find())
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${check.name}`)
  return passed
}

function report(findings: readonly Finding[]): boolean {
  for (const finding of findings) console.log(renderFinding(finding))
  return findings.every((finding) => finding.isWarning === true)
}

async function runProgram(argv: readonly [string, ...string[]]): Promise<boolean> {
  const child = Bun.spawn([...argv], {
    cwd: REPOSITORY,
    env: { ...process.env, OXLINT_TSGOLINT_PATH: path.join(REPOSITORY, TYPE_AWARE_LINT) },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return (await child.exited) === 0
}

if (import.meta.main) {
  const asked = process.argv.slice(2)
  const unknown = asked.find((name) => !CHECKS.some((check) => check.name === name))
  if (unknown !== undefined)
    throw new Error(`Cannot check "${unknown}": known are ${CHECKS.map((c) => c.name).join(', ')}`)
  const chosen = CHECKS.filter(({ name }) => asked.length === 0 || asked.includes(name))
  let failed = 0
  for (const check of chosen) if (!(await runCheck(check))) failed++
  process.exit(failed > 0 ? 1 : 0)
}
