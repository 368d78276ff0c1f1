// The supervisor of one lab: the parent of everything that runs in it. It writes lab.json, and ends
// the whole lab when it is told to, or when a part ended without which the lab is no lab.
import type { Clock } from '@kubenest/base/clock'
import { isRunning, ownIdentity } from '@kubenest/base/daemon'
import { OsError, toOsError } from '@kubenest/base/errors'
import type { Exec } from '@kubenest/base/exec'
import { ensureDirectory, removePath, writeFile } from '@kubenest/base/files'
import { findFreePorts } from '@kubenest/base/free-port'
import { type FileServer, serveFolder } from '@kubenest/base/http-server'
import { type LabDeps, lastLines, startControlPlane, waitForControllers } from './control-plane.ts'
import type { ControlPlanePorts } from './control-plane-arguments.ts'
import { installProduct } from './install-product.ts'
import { kubeconfigFor } from './kubeconfig.ts'
import { type LabPaths, labPaths } from './lab-paths.ts'
import { type ManifestFacts, writeManifests } from './lab-manifests.ts'
import {
  type LabNodeRecord,
  type LabRecord,
  type LabRequest,
  readLabRequest,
  writeJson,
} from './lab-record.ts'
import { offerLightImages } from './light-artefacts.ts'
import { lightNodeNames, startLightNodes } from './light-nodes.ts'
import { makeCertificates, OPENSSL_CONFIG, planCertificates } from './pki.ts'
import { createProcessTable } from './process-table.ts'
import { offerVmImages, startVmNodes, vmNodeNames } from './vm-nodes.ts'

/** What the supervisor needs of its process. */
export interface SuperviseDeps {
  readonly clock: Clock
  readonly exec: Exec
  readonly stop: AbortSignal
}

const STOP_GRACE_MS = 1000

/** Runs one lab until it is stopped; the exit code is 0 after an orderly stop. */
export async function superviseLab(deps: SuperviseDeps, stateFolder: string): Promise<number> {
  const paths = labPaths(stateFolder)
  const request = await readLabRequest(paths.request)
  const ports = await choosePorts()
  await ensureDirectory(paths.images, 0o700)
  const images = serveFolder(paths.images)
  const record = newRecord(deps, request, ports, images)
  const orphaned = watchOwner(deps.clock, request.owner)
  const ended = new AbortController()
  const stop = AbortSignal.any([deps.stop, orphaned, ended.signal])
  const lab = createLab({ deps, paths, request, record, stop, fail: (e) => ended.abort(e) })
  let nodes: Promise<void>[] = []
  try {
    nodes = await bringUp(lab, ports, record)
    record.phase = 'ready'
    lab.changed()
    await aborted(stop)
  } catch (error) {
    ended.abort(error)
  }
  const failed = !deps.stop.aborted && !orphaned.aborted
  record.phase = failed ? 'failed' : 'stopping'
  if (failed) record.error = await explain(lab, ended.signal.reason)
  await Promise.all([...nodes, lab.processes.stopAll(STOP_GRACE_MS), images.stop()])
  await lab.saved()
  if (orphaned.aborted) await removePath(paths.root)
  return failed ? 1 : 0
}

function newRecord(
  deps: SuperviseDeps,
  request: LabRequest,
  ports: ControlPlanePorts,
  images: FileServer,
): LabRecord {
  return {
    name: request.name,
    phase: 'starting',
    supervisor: ownIdentity(),
    steps: [],
    startedAt: new Date(deps.clock.nowMs()).toISOString(),
    apiServer: `https://127.0.0.1:${ports.apiServer}`,
    imageServer: `http://127.0.0.1:${images.port}`,
    nodes: [
      ...lightNodeNames(request.lightNodes).map((name) => newNode(name, 'light')),
      ...vmNodeNames(request.vm?.nodes ?? 0).map((name) => newNode(name, 'vm')),
    ],
    processes: [],
  }
}

function newNode(name: string, kind: LabNodeRecord['kind']): LabNodeRecord {
  return { name, kind, power: 'off', boots: [] }
}

interface LabParts {
  readonly deps: SuperviseDeps
  readonly paths: LabPaths
  readonly request: LabRequest
  readonly record: LabRecord
  readonly stop: AbortSignal
  readonly fail: (error: OsError) => void
}

/**
 * Every change is written; writes that overlap are joined, and the last state always reaches the
 * file.
 */
function createLab(parts: LabParts): LabDeps & { saved: () => Promise<void> } {
  const { deps, paths, request, record, stop } = parts
  let tail: Promise<void> = Promise.resolve()
  const saved = () => {
    tail = tail.then(async () => {
      record.processes = processes.list()
      await writeJson(paths.record, record)
    })
    return tail
  }
  const changed = () => void saved()
  const processes = createProcessTable({
    clock: deps.clock,
    logs: paths.logs,
    changed,
    failed: (name, exitCode) => parts.fail(childEnded(name, exitCode)),
  })
  const step = async (sentence: string) => {
    record.steps.push(sentence)
    await saved()
  }
  return {
    clock: deps.clock,
    exec: deps.exec,
    paths,
    request,
    processes,
    stop,
    changed,
    step,
    saved,
  }
}

const OWNER_LOOK_MS = 500

/** Aborts when the process that wanted the lab has ended. */
function watchOwner(clock: Clock, owner: LabRequest['owner']): AbortSignal {
  const orphaned = new AbortController()
  const look = () => {
    if (owner === undefined) return
    if (isRunning(owner)) clock.schedule(OWNER_LOOK_MS, look)
    else orphaned.abort()
  }
  look()
  return orphaned.signal
}

async function bringUp(
  lab: LabDeps,
  ports: ControlPlanePorts,
  record: LabRecord,
): Promise<Promise<void>[]> {
  const { paths } = lab
  for (const folder of [paths.pki, paths.logs, paths.nodes]) await ensureDirectory(folder, 0o700)
  await writeFile(`${paths.pki}/openssl.cnf`, OPENSSL_CONFIG)
  await makeCertificates(
    lab.exec,
    paths.pki,
    planCertificates(record.nodes.map((node) => node.name)),
  )
  const kubeconfig = await kubeconfigFor(paths.pki, 'admin', record.apiServer, `lab-${record.name}`)
  await writeFile(paths.kubeconfig, kubeconfig, 0o600)
  await startControlPlane(lab, ports)
  await lab.step(`Control plane is ready at ${record.apiServer}`)
  await installProduct(lab, record)
  const digests: ManifestFacts['digests'] = {}
  if (lab.request.vm !== undefined) digests.vm = await offerVmImages(lab, lab.request.vm)
  if (lab.request.lightNodes > 0) digests.light = await offerLightImages(lab, record.imageServer)
  await writeManifests(lab, { imageServer: record.imageServer, digests })
  await waitForControllers(lab)
  return [...(await startVmNodes(lab, record)), ...(await startLightNodes(lab, record))]
}

async function choosePorts(): Promise<ControlPlanePorts> {
  const [etcdClient = 0, etcdPeer = 0, apiServer = 0, controllerManager = 0, scheduler = 0] =
    await findFreePorts(5)
  return { etcdClient, etcdPeer, apiServer, controllerManager, scheduler }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function childEnded(name: string, exitCode: number): OsError {
  return new OsError('host', {
    code: 'lab-child-ended',
    message: `Cannot keep the lab running: ${name} ended with ${exitCode}`,
    fields: { name, exitCode },
  })
}

async function explain(lab: LabDeps, thrown: unknown): Promise<string> {
  const error = toOsError(thrown)
  const name = error.fields['name']
  if (error.code !== 'lab-child-ended' || typeof name !== 'string') return error.message
  return `${error.message}: ${await lastLines(`${lab.paths.logs}/${name}.log`)}`
}
