// `lab up`: checks, starts a supervisor of its own session, and tells its progress until it is
// ready.
import type { Clock } from '@kubenest/base/clock'
import {
  identifyProcess,
  isRunning,
  type ProcessIdentity,
  startDaemon,
} from '@kubenest/base/daemon'
import { OsError } from '@kubenest/base/errors'
import type { Exec } from '@kubenest/base/exec'
import { ensureDirectory, listDirectory } from '@kubenest/base/files'
import { programCommand } from '@kubenest/base/self-program'
import { lastLines } from './control-plane.ts'
import { probeAccelerator } from '../qemu/kvm-probe.ts'
import { findControlPlane, findVmPrograms } from './find-control-plane.ts'
import { stopLab } from './lab-down.ts'
import { isLabFolder, type LabLocation } from './lab-location.ts'
import {
  type LabRecord,
  type LabRequest,
  readLabRecord,
  type VmRequest,
  writeJson,
} from './lab-record.ts'
import { prepareVmImages } from './vm-images.ts'
import { VM_VERSIONS, type VmVersion } from './vm-recipe.ts'

/** What the lab commands get from their applet. */
export interface LabCommandDeps {
  readonly clock: Clock
  readonly exec: Exec
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stop: AbortSignal
  readonly say: (line: string) => void
}

/** What a lab shall hold. */
export interface LabUpOptions {
  readonly light: number
  readonly vm: number
  readonly operator: boolean
  /** Versions that virtual nodes can be moved to. @defaultValue all */
  readonly vmVersions?: readonly VmVersion[]
  /** Virtual disks that survive a power cut; slower. */
  readonly durable?: boolean
  /** Process id of a program without which the lab shall not go on. */
  readonly untilExitOf?: number
}

const UP_TIMEOUT_MS = 5 * 60_000
const LOOK_MS = 100

/**
 * Builds what labs take from the cache, so that the next one starts in seconds: the control plane,
 * and with `vm` also what virtual nodes need.
 */
export async function prepareLab(
  deps: LabCommandDeps,
  cacheRoot: string,
  options: { readonly vm: boolean },
): Promise<void> {
  await findControlPlane({ ...deps, cacheRoot })
  if (!options.vm) return
  const { kubelet } = await findVmPrograms({ ...deps, cacheRoot })
  await prepareVmImages(deps, cacheRoot, kubelet, VM_VERSIONS)
}

/** Starts a lab; returns its record when it is ready. An interrupted start leaves nothing. */
export async function startLab(
  deps: LabCommandDeps,
  location: LabLocation,
  options: LabUpOptions,
): Promise<LabRecord> {
  checkCounts(options)
  const { paths, name, cacheRoot } = location
  await clearPlace(deps, location)
  const programs = await findControlPlane({ ...deps, cacheRoot })
  const vm = options.vm === 0 ? undefined : await prepareVms(deps, cacheRoot, options)
  await ensureDirectory(paths.logs, 0o700)
  const request: LabRequest = {
    name,
    cacheRoot,
    programs,
    lightNodes: options.light,
    operator: options.operator,
    ...(vm === undefined ? {} : { vm }),
    ...ownerOf(options),
  }
  await writeJson(paths.request, request)
  const supervisor = startDaemon({
    argv: [...programCommand('kubenest', 'lab').argv, 'supervise', '--state', paths.root],
    env: { HOME: deps.env['HOME'] ?? '/' },
    logFile: `${paths.logs}/supervisor.log`,
    diesWithUs: false,
  })
  return await followStart(deps, location, supervisor.identity)
}

async function prepareVms(
  deps: LabCommandDeps,
  cacheRoot: string,
  options: LabUpOptions,
): Promise<VmRequest> {
  const programs = await findVmPrograms({ ...deps, cacheRoot })
  const versions = [...(options.vmVersions ?? VM_VERSIONS)]
  return {
    nodes: options.vm,
    images: await prepareVmImages(deps, cacheRoot, programs.kubelet, versions),
    versions,
    accelerator: await probeAccelerator(deps.exec),
    diskCache: options.durable === true ? 'writeback' : 'unsafe',
    scheduler: programs['kube-scheduler'],
  }
}

function ownerOf(options: LabUpOptions): Pick<LabRequest, 'owner'> {
  if (options.untilExitOf === undefined) return {}
  const owner = identifyProcess(options.untilExitOf)
  if (owner !== undefined) return { owner }
  throw new OsError('invalid', {
    code: 'lab-option-invalid',
    message: `Cannot bind the lab to process ${options.untilExitOf}: there is no such process`,
  })
}

const LIGHT_NODES_MAX = 50
const VM_NODES_MAX = 4

function checkCounts(options: LabUpOptions): void {
  if (options.vm > VM_NODES_MAX)
    throw new OsError('invalid', {
      code: 'lab-option-invalid',
      message: `Cannot start ${options.vm} virtual nodes: at most ${VM_NODES_MAX} fit on one machine`,
    })
  if (options.light > LIGHT_NODES_MAX)
    throw new OsError('invalid', {
      code: 'lab-option-invalid',
      message: `Cannot start ${options.light} light nodes: at most ${LIGHT_NODES_MAX} fit on one machine`,
    })
}

async function clearPlace(deps: LabCommandDeps, location: LabLocation): Promise<void> {
  const { paths, name } = location
  const before = await readLabRecord(paths.record)
  if (before !== undefined && isRunning(before.supervisor))
    throw new OsError('blocked', {
      code: 'lab-running',
      message: `Cannot start lab "${name}": it runs already; stop it with kubenest lab down, or choose another --name`,
    })
  if (await isLabFolder(paths)) {
    deps.say(`Cleaning what an earlier lab left in ${paths.root}`)
    return await stopLab(deps, paths)
  }
  if ((await listDirectory(paths.root)).length === 0) return
  throw new OsError('invalid', {
    code: 'lab-folder-foreign',
    message: `Cannot use ${paths.root} for a lab: it holds files of somebody else; choose an empty folder`,
  })
}

async function followStart(
  deps: LabCommandDeps,
  location: LabLocation,
  supervisor: ProcessIdentity,
): Promise<LabRecord> {
  const { paths } = location
  const deadline = deps.clock.monotonicMs() + UP_TIMEOUT_MS
  let told = 0
  while (deps.clock.monotonicMs() < deadline && !deps.stop.aborted) {
    const record = await readLabRecord(paths.record)
    for (const step of record?.steps.slice(told) ?? []) deps.say(step)
    told = record?.steps.length ?? 0
    if (record?.phase === 'ready') return record
    if (record?.phase === 'failed') throw startFailed(record.error ?? 'no reason was given')
    if (record === undefined && !isRunning(supervisor))
      throw startFailed(await lastLines(`${paths.logs}/supervisor.log`))
    await deps.clock.sleep(LOOK_MS)
  }
  if (deps.stop.aborted) return await abandonStart(deps, location)
  await stopLab(deps, paths)
  throw startFailed('it took longer than 5 minutes')
}

/** Ends a start that was interrupted; nothing is left. Always throws. */
export async function abandonStart(deps: LabCommandDeps, location: LabLocation): Promise<never> {
  await stopLab(deps, location.paths)
  throw startFailed('it was interrupted')
}

function startFailed(reason: string): OsError {
  return new OsError('host', {
    code: 'lab-start-failed',
    message: `Cannot start the lab: ${reason.replace(/^Cannot start the lab: /, '')}`,
  })
}
