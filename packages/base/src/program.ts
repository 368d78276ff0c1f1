// Which applet of a multi-call program runs: chosen by the name the program was called with, else
// by the first argument. Decides and delegates; the process itself is start-program.ts.
import path from 'node:path'
import type { Applet, AppletContext, AppletEntry } from './applet.ts'
import { exitCodeOf, OsError } from './errors.ts'
import { renderVersion } from './version.ts'

/** One executable and the applets inside it. */
export interface Program {
  readonly name: string
  readonly summary: string
  /**
   * Who reads standard error: people get a plain sentence, supervisors a structured line.
   *
   * @defaultValue 'supervisor'
   */
  readonly audience?: 'people' | 'supervisor'
  readonly applets: readonly AppletEntry[]
}

/** What a call asks for. `name` is what help and version print. */
export type Choice =
  | { readonly kind: 'run'; readonly entry: AppletEntry; readonly argv: readonly string[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'refuse'; readonly text: string }

/**
 * Chooses by call name first (`operator …`), then by first argument (`kubenest-cluster operator
 * …`).
 * `--version` is answered here for every name; `--help` too, unless the applet answers it itself.
 *
 * @param calledAs first word of the command line as the caller wrote it; a path is allowed.
 */
export function chooseApplet(program: Program, calledAs: string, argv: readonly string[]): Choice {
  const callName = path.basename(calledAs)
  const byName = program.applets.find((entry) => entry.name === callName)
  if (byName !== undefined) return chooseWithin(byName, callName, argv)
  const [first, ...rest] = argv
  if (first === '--version' || first === '-V')
    return { kind: 'text', text: renderVersion(program.name) }
  if (first === '--help' || first === '-h') return { kind: 'text', text: renderApplets(program) }
  const byArgument = program.applets.find((entry) => entry.name === first)
  if (byArgument !== undefined)
    return chooseWithin(byArgument, `${program.name} ${byArgument.name}`, rest)
  const reason = first === undefined ? 'no applet is named' : `there is no applet "${first}"`
  const refusal = `Cannot run ${program.name}: ${reason}; name one of those below`
  return { kind: 'refuse', text: `${refusal}\n\n${renderApplets(program)}` }
}

function chooseWithin(entry: AppletEntry, name: string, argv: readonly string[]): Choice {
  if (argv[0] === '--version' || argv[0] === '-V')
    return { kind: 'text', text: renderVersion(name) }
  const asksHelp = argv[0] === '--help' || argv[0] === '-h'
  if (asksHelp && entry.usage !== undefined)
    return { kind: 'text', text: `${entry.summary}\n\nUsage: ${name} ${entry.usage}` }
  return { kind: 'run', entry, argv }
}

function renderApplets(program: Program): string {
  const width = Math.max(...program.applets.map((entry) => entry.name.length))
  const rows = program.applets.map((entry) => `  ${entry.name.padEnd(width)}  ${entry.summary}`)
  return [
    program.summary,
    '',
    `Usage: ${program.name} <applet> [arguments], or call the program by an applet's name`,
    '',
    'Applets:',
    ...rows,
    '',
    'Options: --help, --version; <applet> --help tells more',
  ].join('\n')
}

/**
 * Runs what the call asks for; returns the exit code.
 *
 * @throws whatever the applet throws: the edge of the process turns it into a line and an exit
 * code.
 */
export async function runProgram(
  program: Program,
  calledAs: string,
  context: AppletContext,
): Promise<number> {
  const choice = chooseApplet(program, calledAs, context.argv)
  switch (choice.kind) {
    case 'text':
      context.stdout(`${choice.text}\n`)
      return 0
    case 'refuse':
      context.stderr(`${choice.text}\n`)
      return exitCodeOf(new OsError('invalid', { code: 'unknown-applet', message: choice.text }))
    case 'run': {
      const applet: Applet = await choice.entry.load()
      return await applet({ ...context, argv: choice.argv })
    }
  }
}
