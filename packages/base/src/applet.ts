// One executable, many names (busybox fashion). `main.ts` of a product holds a table of applets,
// each behind a dynamic import, so that a call pays only for the code it uses (runtime notes, fact
// 1).

/** What an applet gets from its `main.ts`, the only place that reads the environment. */
export interface AppletContext {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted on SIGTERM or SIGINT; the applet has 5 s to end in order. */
  readonly stop: AbortSignal
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
}

/** Runs to its end and says the exit code. */
export type Applet = (context: AppletContext) => Promise<number>

/** Entry of an applet table. */
export interface AppletEntry {
  readonly name: string
  readonly summary: string
  /** Text after the name in `--help`; an applet without one answers `--help` itself. */
  readonly usage?: string
  readonly load: () => Promise<Applet>
}
