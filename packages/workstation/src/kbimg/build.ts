// What every step of a build gets: the plan's inputs and the effects it may use.
import { assert } from '@kubenest/base/assert'
import { OsError } from '@kubenest/base/errors'
import type { Exec, ExecRequest } from '@kubenest/base/exec'
import type { ImageArtefact } from '@kubenest/api/image/manifest'
import type { BuiltImageType, ImageConfig } from './config.ts'
import type { Argv, RootTools } from './namespaces.ts'
import { describeCommand, type RecordedCommand } from './describe-command.ts'

export interface PackageVersion {
  readonly name: string
  readonly version: string
}

/** State of one build. Everything it writes is below `work`. */
export interface Build {
  readonly imageType: BuiltImageType
  readonly config: ImageConfig
  /** Absolute folder that relative paths of the configuration start from. */
  readonly cwd: string
  /** Absolute folder that becomes `scripts-auto`. */
  readonly work: string
  /** The image's root folder, below `work`. */
  readonly root: string
  /** SOURCE_DATE_EPOCH: no file of the image is newer. */
  readonly builtAtSeconds: number
  /** Where the compiled program's own parts for the image are (units). */
  readonly tools: RootTools
  readonly exec: Exec
  readonly stop: AbortSignal
  /** One line for the log of a failed build. */
  readonly note: (line: string) => void
  /** Every program that is run, for the scripts that show it. */
  readonly record: (command: RecordedCommand) => void
  readonly ids: BuildIds
  /**
   * Tar of the root as the packages make it: taken when it exists, else made for the next build.
   */
  readonly packageRoot?: string
  /** Filled by steps as they go. */
  packages: PackageVersion[]
  readonly artefacts: Omit<ImageArtefact, 'sizeBytes' | 'digest'>[]
}

/** GUIDs of one build, derived from what goes in, so that the same input gives the same disk. */
export interface BuildIds {
  readonly disk: string
  readonly boot: string
  readonly rootA: string
  readonly rootB: string
  readonly persist: string
  /** UUID of the root's file system, and its hash seed. */
  readonly fileSystem: string
}

export interface RunOptions {
  readonly stdin?: string
  /** What a secret standard input is, in words for people: it is shown instead. */
  readonly secretInput?: string
  readonly timeoutMs?: number
  readonly outputBytesMax?: number
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** What it prints stays out of the log: a secret, or too much. */
  readonly isUnlogged?: true
  /** @defaultValue 'stdout' */
  readonly returns?: 'stdout' | 'stderr'
}

const OUTPUT_LENGTH_MAX = 1000
const STEP_TIMEOUT_MS = 3_600_000

/** Runs a program that must succeed; its output goes to the build's log. */
export async function run(
  build: Build,
  purpose: string,
  argv: Argv,
  options: RunOptions = {},
): Promise<string> {
  const [program, ...parameters] = argv
  assert(program !== undefined, 'a command has a program')
  build.note(`+ ${argv.join(' ')}`)
  const { isUnlogged, returns = 'stdout', secretInput, ...rest } = options
  build.record(describeCommand(build, argv, describeInput(rest.stdin, secretInput)))
  const request: ExecRequest = {
    timeoutMs: STEP_TIMEOUT_MS,
    ...rest,
    argv: [program, ...parameters],
    cwd: options.cwd ?? build.work,
    env: { ...fixedTime(build), HOME: '/nonexistent', ...options.env },
    signal: build.stop,
    ...(isUnlogged === undefined ? { onLine: build.note } : {}),
  }
  const result = await build.exec.run(request)
  if (result.exitCode === 0) return result[returns].replace(/\n+$/, '')
  const lastOutput = (result.stderr.trim() || result.stdout.trim()).slice(-OUTPUT_LENGTH_MAX)
  // The wrappers' names would hide which program failed; the purpose says it.
  throw new OsError('host', {
    code: 'command-failed',
    message: `Cannot ${purpose}: exit code ${result.exitCode}: ${lastOutput || 'no output'}`,
    fields: { exitCode: result.exitCode },
  })
}

function describeInput(
  text: string | undefined,
  secret: string | undefined,
): RecordedCommand['input'] {
  if (secret !== undefined) return { secret }
  return text === undefined ? undefined : { text }
}

/** Programs that write the time of the build into an image write this one instead. */
function fixedTime(build: Build): Record<string, string> {
  const seconds = String(build.builtAtSeconds)
  return { SOURCE_DATE_EPOCH: seconds, E2FSPROGS_FAKE_TIME: seconds, TZ: 'UTC' }
}

/** Runs a program inside the image's root. */
export function runInside(
  build: Build,
  purpose: string,
  argv: Argv,
  options: RunOptions = {},
): Promise<string> {
  return run(build, purpose, build.tools.inside(build.root, argv), {
    ...options,
    env: { DEBIAN_FRONTEND: 'noninteractive', ...options.env },
  })
}
