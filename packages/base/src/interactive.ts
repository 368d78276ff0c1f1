// Runs a program on this process's own terminal: for commands that hand over to another one.

/** Runs it with our standard streams and environment additions; returns its exit code. */
export async function runInteractive(
  argv: readonly [string, ...string[]],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const child = Bun.spawn([...argv], {
    env,
    stdin: 'inherit',
    stdout: 'inherit',
    stderr: 'inherit',
  })
  return await child.exited
}

/** Width of the terminal on standard output; `undefined` when it is a file or a pipe. */
export function terminalColumns(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined
}
