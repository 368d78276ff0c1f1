// Some options of the runtime can be set only through the environment, and read only before the
// first statement. A program whose users' manifests set none starts itself once more, in place:
// same process, same arguments.

/** What the restart takes from `process`; `execve` returns only by throwing. */
export interface RestartProcess {
  readonly execPath: string
  readonly argv0: string
  /** As `process.argv`: the first two are the runtime's. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  execve?(file: string, argv: string[], env: Record<string, string | undefined>): void
}

/**
 * Replaces this process by the same program with these variables added. Returns when there is
 * nothing to do (each is set, to whatever value) or the system refuses: the program then runs
 * without them.
 */
export function restartWithEnvironment(
  wanted: Readonly<Record<string, string>>,
  from: RestartProcess,
): void {
  const { env } = from
  // Also what ends the chain: after the restart each of them is set.
  if (!isCompiled(from) || Object.keys(wanted).every((name) => env[name] !== undefined)) return
  try {
    from.execve?.(from.execPath, [from.argv0, ...from.argv.slice(2)], { ...wanted, ...env })
  } catch {
    // A sandbox that forbids execve costs memory, not the program.
  }
}

/** The entry of a compiled program lies in a file system that only it sees. */
function isCompiled({ argv }: RestartProcess): boolean {
  return argv[1]?.startsWith('/$bunfs/') ?? false
}
