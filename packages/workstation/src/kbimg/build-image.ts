// Runs a planned build: beside the previous result, which is replaced only at the very end
// (decision 28). Interrupted, failed or killed, it leaves the previous result; the next run clears
// the rest.
import type { Clock } from '@kubenest/base/clock'
import { OsError, toOsError } from '@kubenest/base/errors'
import type { Exec } from '@kubenest/base/exec'
import { ensureDirectory, removePath, writeFile } from '@kubenest/base/files'
import type { Build } from './build.ts'
import { deriveBuildIds } from './build-ids.ts'
import type { BuiltImageType, ImageConfig } from './config.ts'
import { createRootTools, leashExec } from './namespaces.ts'
import {
  publishOutput,
  recoverOutput,
  removeAsRoot,
  withOutputLock,
  WORK,
} from './output-folder.ts'
import { planImage, type StepId } from './plan-image.ts'
import { STEPS } from './steps/steps.ts'
import type { RecordedStep } from './describe-command.ts'
import { writeScripts } from './write-scripts.ts'

/** What a build needs from outside. */
export interface BuildRequest {
  readonly imageType: BuiltImageType
  readonly config: ImageConfig
  readonly cwd: string
  /** The configuration file as the user named it. */
  readonly configFile: string
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

const FAILURE_LOG = 'kbimg-failure.log'
/** Lines kept for the log of a failed build. */
const LOG_LINES_MAX = 20_000

/** Builds an image into `scripts-auto` of the current directory. */
export async function buildImage(request: BuildRequest): Promise<void> {
  await withOutputLock(request.cwd, () => buildLocked(request))
}

async function buildLocked(request: BuildRequest): Promise<void> {
  const lines: string[] = []
  const note = (line: string) => {
    if (lines.push(line) > LOG_LINES_MAX) lines.splice(0, LOG_LINES_MAX / 2)
  }
  const tools = createRootTools(request.runsAsRoot)
  const exec = leashExec(request.exec)
  const work = `${request.cwd}/${WORK}`
  await recoverOutput(request.cwd, exec, tools)
  try {
    const steps: RecordedStep[] = []
    const record: Build['record'] = (command) => steps.at(-1)?.commands.push(command)
    const build = await startBuild(request, { work, exec, tools, note, record })
    await runSteps(request, build, steps)
    await writeScripts(build, { configFile: request.configFile, steps })
    await publishOutput(request.cwd, exec)
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

type BuildTools = Pick<Build, 'work' | 'exec' | 'tools' | 'note' | 'record'>

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

async function runSteps(request: BuildRequest, build: Build, done: RecordedStep[]): Promise<void> {
  const without = request.without ?? []
  const plan = planImage(request.imageType, request.config).filter(
    ({ id }) => !without.includes(id),
  )
  for (const [index, step] of plan.entries()) {
    if (request.stop.aborted) throw cancelledError()
    request.report(`[${index + 1}/${plan.length}] ${step.title}`)
    done.push({ ...step, commands: [] })
    const startMs = request.clock.monotonicMs()
    await STEPS[step.id](build)
    const seconds = (request.clock.monotonicMs() - startMs) / 1000
    build.note(`= ${step.title}: ${seconds.toFixed(1)} s`)
  }
}
