// The edge between a process and its applet: standard streams, signals, uncaught errors, exit code.
// Only main.ts calls this. Never returns to a half-stopped process: every path ends in an exit.
import { writeSync } from 'node:fs'
import { systemClock } from './clock.ts'
import { exitCodeOf, toOsError } from './errors.ts'
import { createLogger, type Logger } from './log.ts'
import { type Program, runProgram } from './program.ts'

/** Time an applet has to end in order after SIGTERM or SIGINT, milliseconds. */
export const STOP_TIMEOUT_MS = 5000

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const
const STDOUT = 1
const STDERR = 2
const EAGAIN_WAIT_MS = 2

/** What the system told the process at its start; `calledAs` is `process.argv0`. */
export interface Invocation {
  readonly calledAs: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Runs the program and ends the process with its exit code. Never resolves. */
export async function startProgram(program: Program, invocation: Invocation): Promise<never> {
  const logger = createLogger({ write: (line) => writeAll(STDERR, line), clock: systemClock })
  process.on('uncaughtException', (error) => failWith(program, logger, error))
  process.on('unhandledRejection', (reason) => failWith(program, logger, reason))
  try {
    const exitCode = await runProgram(program, invocation.calledAs, {
      argv: invocation.argv,
      env: invocation.env,
      stop: stopOnSignals(logger),
      stdout: (text) => writeAll(STDOUT, text),
      stderr: (text) => writeAll(STDERR, text),
    })
    process.exit(exitCode)
  } catch (error) {
    failWith(program, logger, error)
  }
}

function stopOnSignals(logger: Logger): AbortSignal {
  const controller = new AbortController()
  const onSignal = (signal: keyof typeof SIGNAL_NUMBERS) => {
    const exitCode = 128 + SIGNAL_NUMBERS[signal]
    if (controller.signal.aborted) process.exit(exitCode)
    setTimeout(() => {
      logger.warn('Stopped by force: the program did not end in time', {
        signal,
        timeoutMs: STOP_TIMEOUT_MS,
      })
      process.exit(exitCode)
    }, STOP_TIMEOUT_MS)
    controller.abort()
  }
  process.on('SIGTERM', () => onSignal('SIGTERM'))
  process.on('SIGINT', () => onSignal('SIGINT'))
  return controller.signal
}

function failWith(program: Program, logger: Logger, thrown: unknown): never {
  const error = toOsError(thrown)
  const isBug = error.kind === 'bug'
  if (program.audience === 'people' && !isBug) {
    writeAll(STDERR, `${error.message} [${error.kind}/${error.code}]\n`)
  } else {
    const stack = isBug ? stackOf(error.cause ?? error) : undefined
    const fields = { ...error.fields, kind: error.kind, code: error.code, stack }
    logger.log(isBug ? 'fatal' : 'error', error.message, fields)
  }
  process.exit(exitCodeOf(error))
}

function stackOf(cause: unknown): string | undefined {
  return cause instanceof Error ? cause.stack : undefined
}

/**
 * Writes without node's stream machinery, which costs memory in the resident programs. A line
 * is complete before the next statement runs, so nothing is lost when the process ends.
 */
function writeAll(fd: number, text: string): void {
  let rest: Uint8Array = Buffer.from(text)
  while (rest.byteLength > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code !== 'EAGAIN') return // The reader has gone (EPIPE): there is nobody left to tell.
      Bun.sleepSync(EAGAIN_WAIT_MS)
    }
  }
}
