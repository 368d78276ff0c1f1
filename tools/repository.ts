// Where the checkout and the cache are, and how tools say that they failed.
import os from 'node:os'
import path from 'node:path'

/** The folder of the checkout. */
export const REPOSITORY = path.resolve(import.meta.dir, '..')

/** Downloads and builds that outlive a checkout; nothing else is ever written outside it. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  return path.resolve(env['KUBENEST_CACHE'] ?? path.join(os.homedir(), '.cache/kubenest'))
}

/** Runs a program with our own terminal; throws when it fails. */
export async function runLoudly(argv: [string, ...string[]], cwd = REPOSITORY): Promise<void> {
  const exitCode = await Bun.spawn(argv, { cwd, stdio: ['ignore', 'inherit', 'inherit'] }).exited
  if (exitCode !== 0) throw new Error(`Cannot go on: ${argv.join(' ')} ended with ${exitCode}`)
}

/** Standard output of a program that must succeed, without the last newline. */
export async function outputOf(argv: [string, ...string[]], cwd = REPOSITORY): Promise<string> {
  const child = Bun.spawn(argv, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  if ((await child.exited) !== 0)
    throw new Error(`Cannot go on: ${argv.join(' ')} ended with ${child.exitCode}: ${stderr}`)
  return stdout.trimEnd()
}
