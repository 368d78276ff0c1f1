// Runs a planned build: beside the previous result, which is replaced only at the very end
// (decision 28). Interrupted, failed or killed, it leaves the previous result; the next run clears
// the rest.
import type { Clock } from '@kubenest/base/clock'
import { isOsError, OsError, toOsError } from '@kubenest/base/errors'
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import { ensureDirectory, removePath, stat, writeFile } from '@kubenest/base/files'
import { takeLockFile } from '@kubenest/base/lock-file'
import type { Build } from './build.ts'
import { deriveBuildIds } from './build-ids.ts'
import type { BuiltImageType, ImageConfig } from './config.ts'
import { createRootTools, leashExec, type RootTools } from './namespaces.ts'
import { planImage, type StepId } from './plan-image.ts'
import { STEPS } from './steps/steps.ts'

/** What a build needs from outside. */
export interface BuildRequest {
  readonly imageType: BuiltImageType
  readonly config: ImageConfig
  readonly cwd: string
  readonly runsAsRoot: boolean
  /** SOURCE_DATE_EPOCH; the clock when absent. */
  readonly epochSeconds: number | undefined
  readonly exec: Exec
  readonly clock: Clock
  readonly stop: AbortSignal
  /** Shares the root that the packages make between builds of the same packages. */
  readonly packageRoot?: string
  /** Steps that make artefacts which nobody wants of this build. */
  readonly without?: readonly StepId[]
  /** A line of progress. */
  readonly report: (line: string) => void
}

/** Documented folder of all results. */
export const OUTPUT = 'scripts-auto'
const WORK = `${OUTPUT}.new`
const PREVIOUS = `${OUTPUT}.old`
const LOCK = `${OUTPUT}.lock`
const FAILURE_LOG = 'kbimg-failure.log'
/** Lines kept for the log of a failed build. */
const LOG_LINES_MAX = 20_000

/** Builds an image into `scripts-auto` of the current directory. */
export async function buildImage(request: BuildRequest): Promise<void> {
  await withOutputLock(request.cwd, () => buildLocked(request))
}

/** Runs an action that replaces the output, alone. */
export async function withOutputLock(cwd: string, action: () => Promise<void>): Promise<void> {
  await refuseForeignLock(cwd)
  const lock = await takeLockFile(`${cwd}/${LOCK}`)
  try {
    await action()
  } finally {
    await lock.release()
  }
}

/**
 * The documented tool's lock names nobody, so only a person can tell whether it is still in use.
 */
async function refuseForeignLock(cwd: string): Promise<void> {
  const file = `${cwd}/${OUTPUT}/test.lock`
  if ((await stat(file)) === undefined) return
  throw new OsError('blocked', {
    code: 'another-run',
    message: `Cannot build: ${file} says that another run is in progress; when none is, delete that file`,
  })
}

async function buildLocked(request: BuildRequest): Promise<void> {
  const lines: string[] = []
  const note = (line: string) => {
    if (lines.push(line) > LOG_LINES_MAX) lines.splice(0, LOG_LINES_MAX / 2)
  }
  const tools = createRootTools(request.runsAsRoot)
  const exec = leashExec(request.exec)
  const work = `${request.cwd}/${WORK}`
  await recover(request.cwd, exec, tools)
  try {
    const build = await startBuild(request, { work, exec, tools, note })
    await runSteps(request, build)
    await publish(request.cwd, exec)
  } catch (error) {
    const log = `${request.cwd}/${FAILURE_LOG}`
    const cancelled = request.stop.aborted
    if (!cancelled) await writeFile(log, `${lines.join('\n')}\n`, 0o600)
    await removeAsRoot(exec, tools, work)
    throw cancelled ? cancelledError() : withLog(toOsError(error), log)
  }
  await removePath(`${request.cwd}/${FAILURE_LOG}`)
}

function withLog(error: OsError, log: string): OsError {
  return new OsError(error.kind, {
    code: error.code,
    message: `${error.message}; what the programs printed is in ${log}`,
    fields: error.fields,
    cause: error,
  })
}

function cancelledError(): OsError {
  return new OsError('blocked', {
    code: 'cancelled',
    message: 'Cannot finish the image: the build was interrupted; the previous result is untouched',
  })
}

type BuildTools = Pick<Build, 'work' | 'exec' | 'tools' | 'note'>

async function startBuild(request: BuildRequest, parts: BuildTools): Promise<Build> {
  const { config, imageType, cwd, stop } = request
  const builtAtSeconds = request.epochSeconds ?? Math.floor(request.clock.nowMs() / 1000)
  await ensureDirectory(parts.work, 0o750)
  return {
    ...parts,
    imageType,
    config,
    cwd,
    stop,
    root: `${parts.work}/rootfs`,
    builtAtSeconds,
    ids: await deriveBuildIds(config, builtAtSeconds),
    ...(request.packageRoot === undefined ? {} : { packageRoot: request.packageRoot }),
    packages: [],
    artefacts: [],
  }
}

async function runSteps(request: BuildRequest, build: Build): Promise<void> {
  const without = request.without ?? []
  const plan = planImage(request.imageType, request.config).filter(
    ({ id }) => !without.includes(id),
  )
  for (const [index, step] of plan.entries()) {
    if (request.stop.aborted) throw cancelledError()
    request.report(`[${index + 1}/${plan.length}] ${step.title}`)
    const startMs = request.clock.monotonicMs()
    await STEPS[step.id](build)
    const seconds = (request.clock.monotonicMs() - startMs) / 1000
    build.note(`= ${step.title}: ${seconds.toFixed(1)} s`)
  }
}

/**
 * What an earlier run left when it was killed. Between the two renames of `publish` the previous
 * result has its other name only; it gets its own back.
 */
async function recover(cwd: string, exec: Exec, tools: RootTools): Promise<void> {
  if ((await stat(`${cwd}/${OUTPUT}`)) === undefined && (await stat(`${cwd}/${PREVIOUS}`)))
    await rename(exec, `${cwd}/${PREVIOUS}`, `${cwd}/${OUTPUT}`)
  await removeAsRoot(exec, tools, `${cwd}/${WORK}`)
  await removeAsRoot(exec, tools, `${cwd}/${PREVIOUS}`)
}

async function publish(cwd: string, exec: Exec): Promise<void> {
  if ((await stat(`${cwd}/${OUTPUT}`)) !== undefined)
    await rename(exec, `${cwd}/${OUTPUT}`, `${cwd}/${PREVIOUS}`)
  await rename(exec, `${cwd}/${WORK}`, `${cwd}/${OUTPUT}`)
  await removePath(`${cwd}/${PREVIOUS}`)
}

async function rename(exec: Exec, from: string, to: string): Promise<void> {
  await runOrThrow(exec, `rename ${from}`, { argv: ['mv', '-T', '--', from, to] })
}

/** Files of the image may belong to other users of the build's namespace. */
async function removeAsRoot(exec: Exec, tools: RootTools, path: string): Promise<void> {
  if ((await stat(path)) === undefined) return
  try {
    return await removePath(path)
  } catch (error) {
    // Others' files remain; the namespace's root may remove them.
    if (!isOsError(error)) throw error
  }
  const [program, ...rest] = tools.asRoot(['rm', '-rf', '--', path])
  await runOrThrow(exec, `remove ${path}`, { argv: [program ?? 'rm', ...rest] })
}
