// Starts etcd, kube-apiserver and kube-controller-manager, each after the one it needs is ready.
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import { ensureDirectory, readText, writeFile } from '@kubenest/base/files'
import {
  apiServerArguments,
  type ControlPlanePorts,
  controllerManagerArguments,
  schedulerArguments,
  etcdArguments,
} from './control-plane-arguments.ts'
import { kubeconfigFor } from './kubeconfig.ts'
import type { LabPaths } from './lab-paths.ts'
import type { LabRequest } from './lab-record.ts'
import type { ProcessTable } from './process-table.ts'

/** What the parts of a supervisor share. */
export interface LabDeps {
  readonly clock: Clock
  readonly exec: Exec
  readonly paths: LabPaths
  readonly request: LabRequest
  readonly processes: ProcessTable
  /** Writes the lab's record: something in it changed. */
  readonly changed: () => void
  /** Adds a sentence to the lab's record. */
  readonly step: (sentence: string) => Promise<void>
  /** Aborted when the lab is to stop. */
  readonly stop: AbortSignal
}

const READY_TIMEOUT_MS = 60_000
const LOOK_MS = 100

/** Starts everything; returns when the API server is ready. */
export async function startControlPlane(deps: LabDeps, ports: ControlPlanePorts): Promise<void> {
  const { paths, processes, request } = deps
  await ensureDirectory(paths.etcd, 0o700)
  processes.start('etcd', [request.programs.etcd, ...etcdArguments(paths, ports)])
  const apiServer = [request.programs['kube-apiserver'], ...apiServerArguments(paths, ports)]
  const server = processes.start('kube-apiserver', apiServer as [string, ...string[]])
  await waitForApiServer(deps)
  // A lab that is up goes on after a crash of its API server, as a cluster does: tests cause some.
  server.keepRunning()
  await startControllerManager(deps, ports)
  if (request.vm !== undefined) await startScheduler(deps, ports, request.vm.scheduler)
}

async function startControllerManager(deps: LabDeps, ports: ControlPlanePorts): Promise<void> {
  const { paths, processes, request } = deps
  const config = `${paths.pki}/controller-manager.kubeconfig`
  const server = `https://127.0.0.1:${ports.apiServer}`
  await writeFile(
    config,
    await kubeconfigFor(paths.pki, 'controller-manager', server, 'lab'),
    0o600,
  )
  const program = request.programs['kube-controller-manager']
  processes.start(
    'kube-controller-manager',
    [program, ...controllerManagerArguments(paths, ports, config)],
    // It ends when the API server goes away while it starts.
    { onExit: 'restart' },
  )
}

async function startScheduler(
  deps: LabDeps,
  ports: ControlPlanePorts,
  program: string,
): Promise<void> {
  const { paths, processes } = deps
  const config = `${paths.pki}/scheduler.kubeconfig`
  const server = `https://127.0.0.1:${ports.apiServer}`
  await writeFile(config, await kubeconfigFor(paths.pki, 'scheduler', server, 'lab'), 0o600)
  const argv: [string, ...string[]] = [program, ...schedulerArguments(paths, ports, config)]
  processes.start('kube-scheduler', argv, { onExit: 'restart' })
}

/** Asks /readyz until it says ok. */
export async function waitForApiServer(deps: LabDeps): Promise<void> {
  await waitForAnswer(deps, 'kube-apiserver', ['get', '--raw=/readyz'])
}

/** The first work of the controllers that people notice: without this account there is no pod. */
export async function waitForControllers(deps: LabDeps): Promise<void> {
  const account = ['get', 'serviceaccount', 'default', '--namespace=default']
  await waitForAnswer(deps, 'kube-controller-manager', account)
}

async function waitForAnswer(
  deps: LabDeps,
  program: 'kube-apiserver' | 'kube-controller-manager',
  args: readonly string[],
): Promise<void> {
  const deadline = deps.clock.monotonicMs() + READY_TIMEOUT_MS
  while (deps.clock.monotonicMs() < deadline) {
    deps.stop.throwIfAborted()
    const answer = await deps.exec.run({
      argv: kubectlCommand(deps, [...args, '--request-timeout=2s']),
      timeoutMs: 5000,
    })
    if (answer.exitCode === 0) return
    await deps.clock.sleep(LOOK_MS, deps.stop)
  }
  throw new OsError('host', {
    code: 'control-plane-not-ready',
    message: `Cannot start the lab: ${program} was not ready within ${READY_TIMEOUT_MS / 1000} s: ${await lastLines(`${deps.paths.logs}/${program}.log`)}`,
  })
}

/** Command line of kubectl with the lab's own kubeconfig. */
export function kubectlCommand(
  deps: Pick<LabDeps, 'request' | 'paths'>,
  args: readonly string[],
): [string, ...string[]] {
  return [deps.request.programs.kubectl, `--kubeconfig=${deps.paths.kubeconfig}`, ...args]
}

/** Applies manifests by the server's own merge, so that the lab is their only field manager. */
export async function applyManifests(
  deps: LabDeps,
  what: string,
  manifests: string,
): Promise<void> {
  await runOrThrow(deps.exec, `apply ${what}`, {
    argv: kubectlCommand(deps, ['apply', '--server-side', '--force-conflicts', '-f', '-']),
    env: { HOME: deps.paths.root },
    stdin: manifests,
    timeoutMs: READY_TIMEOUT_MS,
  })
}

const LOG_LINES = 2

/** End of a log file, for an error message. */
export async function lastLines(file: string): Promise<string> {
  const lines = (await readText(file))?.trimEnd().split('\n') ?? []
  return lines.slice(-LOG_LINES).join(' | ').slice(-1000) || 'its log is empty'
}
