// Running other programs: argument arrays only, a minimal environment, a time limit, an output cap,
// and the whole process group killed at the end. There is no shell anywhere.
import { OsError } from './errors.ts'

/** One program run. */
export interface ExecRequest {
  /** Program and arguments. The program is an absolute path or looked up in the fixed PATH. */
  readonly argv: readonly [string, ...string[]]
  /** Working directory. @defaultValue '/' */
  readonly cwd?: string
  /** Environment beside PATH, LANG=C.UTF-8. @defaultValue {} */
  readonly env?: Readonly<Record<string, string>>
  /** Bytes for standard input; nothing when absent. */
  readonly stdin?: string | Uint8Array
  /** Limit, milliseconds. @defaultValue 600000 */
  readonly timeoutMs?: number
  /** Cap for each of stdout and stderr, bytes; the tail is kept. @defaultValue 1048576 */
  readonly outputBytesMax?: number
  readonly signal?: AbortSignal
  /** Called for each line of stdout and stderr as it comes, for progress. */
  readonly onLine?: (line: string) => void
}

/** What a finished program left. */
export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs programs; tests and kbimg's debug mode have another one. Never throws for a non-zero exit
 * code.
 */
export interface Exec {
  run(request: ExecRequest): Promise<ExecResult>
}

/**
 * Runs a program that must succeed; returns stdout without trailing newlines. The remedy stands at
 * the end of the error's message.
 *
 * @throws {OsError} kind `host`, code `command-failed`, when it exits non-zero; carries argv, exit
 * code and last output.
 */
export async function runOrThrow(
  exec: Exec,
  purpose: string,
  request: ExecRequest,
  remedy?: string,
): Promise<string> {
  const result = await exec.run(request)
  if (result.exitCode === 0) return result.stdout.replace(/\n+$/, '')
  const lastOutput = (result.stderr.trim() || result.stdout.trim()).slice(-2000)
  const reason = `${request.argv[0]} exited with ${result.exitCode}: ${lastOutput || 'no output'}`
  throw new OsError('host', {
    code: 'command-failed',
    message: `Cannot ${purpose}: ${reason}${remedy === undefined ? '' : `; ${remedy}`}`,
    fields: { argv: request.argv.join(' ').slice(0, 1000), exitCode: result.exitCode },
  })
}
