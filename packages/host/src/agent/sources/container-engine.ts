// Running the tools of a container engine: argument arrays, no shell, a limit on everything, and
// failures of a pull as errors that tell whose they are.
import type { Exec, ExecRequest } from '@kubenest/base/exec'
import { isOsError, OsError } from '@kubenest/base/errors'

/** Arguments of a tool, its name first. */
export type ToolArgv = readonly [string, ...string[]]

/** Quick questions to an engine, milliseconds. */
const ANSWER_LIMIT_MS = 120_000

/** A question that has an answer or none: standard output when the tool exits with 0. */
export async function askEngine(
  exec: Exec,
  argv: ToolArgv,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { exitCode, stdout } = await runTool(exec, { argv, ...(signal && { signal }) })
  return exitCode === 0 ? stdout : undefined
}

/** Something that must succeed. */
export async function tellEngine(
  exec: Exec,
  purpose: string,
  request: Pick<ExecRequest, 'argv' | 'signal' | 'timeoutMs'>,
): Promise<string> {
  const { exitCode, stdout, stderr } = await runTool(exec, request)
  if (exitCode === 0) return stdout
  const [tool, ...words] = request.argv
  const isFull = /no space left on device|disk quota exceeded/i.test(stderr)
  throw new OsError('host', {
    code: isFull ? 'disk-full' : 'engine-failed',
    message: `Cannot ${purpose}: ${tool} exited with ${exitCode}: ${lastWords(stderr || stdout)}`,
    fields: { argv: [tool, ...words].join(' ').slice(0, 500), exitCode },
  })
}

/** Pulls within a time limit; what the registry or its certificate has to do with it is told. */
export async function pullImage(
  exec: Exec,
  request: { argv: ToolArgv; image: string; timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  try {
    const { exitCode, stdout, stderr } = await runTool(exec, request)
    if (exitCode !== 0) throw pullError(request.image, `${stdout}\n${stderr}`)
  } catch (error) {
    if (!isOsError(error, 'command-timed-out')) throw error
    throw new OsError('transient', {
      code: 'download-too-slow',
      message: `Cannot pull ${request.image}: it is slower than 64 KiB/s plus 10 min; use a nearer registry`,
      cause: error,
    })
  }
}

/** Is this tool installed? */
export async function hasTool(exec: Exec, tool: string): Promise<boolean> {
  try {
    await exec.run({ argv: [tool, '--version'], timeoutMs: ANSWER_LIMIT_MS })
    return true
  } catch (error) {
    if (isOsError(error, 'command-not-started')) return false
    throw error
  }
}

async function runTool(exec: Exec, request: ExecRequest) {
  try {
    // Logins and settings of the engines' tools are root's own.
    return await exec.run({ timeoutMs: ANSWER_LIMIT_MS, env: { HOME: '/root' }, ...request })
  } catch (error) {
    if (!isOsError(error, 'command-not-started')) throw error
    throw new OsError('host', {
      code: 'engine-missing',
      message: `Cannot use a container image: ${request.argv[0]} is not installed on this node; set imagetype to its engine, or to disk`,
      cause: error,
    })
  }
}

interface PullFault {
  readonly pattern: RegExp
  readonly kind: 'invalid' | 'transient' | 'host'
  readonly code: string
  readonly reason: string
}

/** First match counts: a refused login also says that nothing was found. */
const PULL_FAULTS: readonly PullFault[] = [
  {
    pattern: /no space left on device|disk quota exceeded/i,
    kind: 'host',
    code: 'disk-full',
    reason: 'the engine has no space left for it; remove images from this node',
  },
  {
    pattern: /certificate signed by unknown authority|certificate is not trusted/i,
    kind: 'invalid',
    code: 'tls-unknown-ca',
    reason:
      'the certificate of the registry is not from a CA that the engine knows; give the engine the right one (certs.d)',
  },
  {
    pattern: /certificate is valid for|cannot validate certificate for|not valid for any names/i,
    kind: 'invalid',
    code: 'tls-wrong-host',
    reason: 'the certificate of the registry is not for that name; use the name it is issued for',
  },
  {
    pattern: /certificate has expired or is not yet valid/i,
    kind: 'transient',
    code: 'tls-expired',
    reason: 'the certificate of the registry is not valid now; renew it, or correct the clock here',
  },
  {
    pattern: /gave HTTP response to HTTPS client/i,
    kind: 'invalid',
    code: 'registry-not-https',
    reason: 'the registry does not speak https; serve it over https, or tell the engine',
  },
  {
    pattern: /unauthorized|authorization failed|access denied|forbidden|no basic auth/i,
    kind: 'invalid',
    code: 'registry-denied',
    reason: 'the registry denies it; check the name, and the login that the engine has',
  },
  {
    pattern: /not found|manifest unknown|name unknown|does not exist/i,
    kind: 'invalid',
    code: 'image-not-found',
    reason: 'the registry does not have it; check containerimage',
  },
]

/** What a failed pull means; unknown texts may be cured by a repeat. */
export function pullError(image: string, output: string): OsError {
  const fault = PULL_FAULTS.find(({ pattern }) => pattern.test(output))
  return new OsError(fault?.kind ?? 'transient', {
    code: fault?.code ?? 'image-pull-failed',
    message: `Cannot pull ${image}: ${fault?.reason ?? lastWords(output)}`,
    fields: { image, output: lastWords(output) },
  })
}

/** The end of a tool's output on one line, without control characters. */
function lastWords(output: string): string {
  // oxlint-disable-next-line no-control-regex
  const text = output.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim()
  return text.slice(-500) || 'no output'
}
