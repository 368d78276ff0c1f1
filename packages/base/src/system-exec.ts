// The real Exec, on Bun's process API.
import { OsError } from './errors.ts'
import type { Exec, ExecRequest, ExecResult } from './exec.ts'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const TIMEOUT_MS = 600_000
const OUTPUT_BYTES_MAX = 1_048_576

/** Runs programs on this machine, each in its own process group. */
export const systemExec: Exec = { run }

async function run(request: ExecRequest): Promise<ExecResult> {
  const child = start(request)
  let stopReason: OsError | undefined
  const stop = (reason: OsError) => {
    stopReason ??= reason
    killGroup(child.pid)
  }
  const timeoutMs = request.timeoutMs ?? TIMEOUT_MS
  const timer = setTimeout(() => stop(timeoutError(request, timeoutMs)), timeoutMs)
  const onAbort = () => stop(abortError(request))
  request.signal?.addEventListener('abort', onAbort, { once: true })
  if (request.signal?.aborted) onAbort()
  try {
    const cap = request.outputBytesMax ?? OUTPUT_BYTES_MAX
    const [stdout, stderr, exitCode] = await Promise.all([
      collect(child.stdout, cap, request.onLine),
      collect(child.stderr, cap, request.onLine),
      child.exited,
    ])
    if (stopReason !== undefined) throw stopReason
    return { exitCode, stdout, stderr }
  } finally {
    clearTimeout(timer)
    request.signal?.removeEventListener('abort', onAbort)
  }
}

function start(request: ExecRequest) {
  try {
    return Bun.spawn([...request.argv], {
      cwd: request.cwd ?? '/',
      env: { PATH, LANG: 'C.UTF-8', ...request.env },
      stdin: request.stdin === undefined ? 'ignore' : Buffer.from(request.stdin),
      stdout: 'pipe',
      stderr: 'pipe',
      detached: true,
    })
  } catch (cause) {
    throw new OsError('host', {
      code: 'command-not-started',
      message: `Cannot run ${request.argv[0]}: ${cause instanceof Error ? cause.message : String(cause)}`,
      fields: { argv: request.argv.join(' ').slice(0, 1000) },
      cause,
    })
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group has already ended.
  }
}

function timeoutError(request: ExecRequest, timeoutMs: number): OsError {
  return new OsError('host', {
    code: 'command-timed-out',
    message: `Cannot finish ${request.argv[0]}: it ran longer than ${timeoutMs} ms`,
    fields: { argv: request.argv.join(' ').slice(0, 1000), timeoutMs },
  })
}

function abortError(request: ExecRequest): OsError {
  return new OsError('blocked', {
    code: 'cancelled',
    message: `Cannot finish ${request.argv[0]}: it was cancelled`,
  })
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  cap: number,
  onLine?: (line: string) => void,
): Promise<string> {
  const decoder = new TextDecoder()
  let kept = ''
  let line = ''
  for await (const chunk of stream) {
    const text = decoder.decode(chunk, { stream: true })
    kept = (kept + text).slice(-cap)
    if (onLine === undefined) continue
    const lines = (line + text).split('\n')
    line = (lines.pop() ?? '').slice(-cap)
    for (const each of lines) onLine(each)
  }
  if (onLine !== undefined && line !== '') onLine(line)
  return kept
}
