// The supervisor of one lab: the parent of everything that runs in it. It writes lab.json, and ends the
// whole lab when it is told to, or when a part ended without which the lab is no lab.
import type { Clock } from '@kubenest/base/clock'
import { isRunning, ownIdentity } from '@kubenest/base/daemon'
import { OsError, toOsError } from '@kubenest/base/errors'
import type { Exec } from '@kubenest/base/exec'
import { ensureDirectory, removePath, writeFile } from '@kubenest/base/files'
import { findFreePorts } from '@kubenest/base/free-port'
import { type FileServer, serveFolder } from '@kubenest/base/http-server'
import { type LabDeps, lastLines, startControlPlane } from './control-plane.ts'
import type { ControlPlanePorts } from './control-plane-arguments.ts'
import { kubeconfigFor } from './kubeconfig.ts'
import { labPaths } from './lab-paths.ts'
import { type LabRecord, type LabRequest, readLabRequest, writeJson } from './lab-record.ts'
import { makeCertificates, OPENSSL_CONFIG, planCertificates } from './pki.ts'
import { createProcessTable } from './process-table.ts'

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
  const record: LabRecord = {
    name: request.name,
    phase: 'starting',
    supervisor: ownIdentity(),
    steps: [],
    startedAt: new Date(deps.clock.nowMs()).toISOString(),
    apiServer: `https://127.0.0.1:${ports.apiServer}`,
    imageServer: `http://127.0.0.1:${images.port}`,
    lightNodes: [],
    processes: [],
  }
  const failure = new AbortController()
  const orphaned = watchOwner(deps.clock, request.owner)
  const stop = AbortSignal.any([deps.stop, failure.signal, orphaned])
  const save = createSaver(async () => {
    record.processes = processes.list()
    await writeJson(paths.record, record)
  })
  const processes = createProcessTable({
    clock: deps.clock,
    logs: paths.logs,
    changed: () => void save(),
    failed: (name, exitCode) => failure.abort(childEnded(name, exitCode)),
  })
  const lab: LabDeps = {
    clock: deps.clock,
    exec: deps.exec,
    paths,
    request,
    processes,
    stop,
    step: async (sentence) => {
      record.steps.push(sentence)
      await save()
    },
  }
  try {
    await bringUp(lab, ports, record)
    record.phase = 'ready'
    await save()
    await aborted(stop)
    if (failure.signal.aborted) throw failure.signal.reason
    record.phase = 'stopping'
    return 0
  } catch (error) {
    if (deps.stop.aborted || orphaned.aborted) return 0
    record.phase = 'failed'
    record.error = await explain(lab, failure.signal.aborted ? failure.signal.reason : error)
    return 1
  } finally {
    await shutDown(lab, images)
    await save()
    if (orphaned.aborted) await removePath(paths.root)
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

async function bringUp(lab: LabDeps, ports: ControlPlanePorts, record: LabRecord): Promise<void> {
  const { paths } = lab
  for (const folder of [paths.pki, paths.logs, paths.nodes]) await ensureDirectory(folder, 0o700)
  await writeFile(`${paths.pki}/openssl.cnf`, OPENSSL_CONFIG)
  await makeCertificates(lab.exec, paths.pki, planCertificates(record.lightNodes))
  const kubeconfig = await kubeconfigFor(paths.pki, 'admin', record.apiServer, `lab-${record.name}`)
  await writeFile(paths.kubeconfig, kubeconfig, 0o600)
  await startControlPlane(lab, ports)
  await lab.step(`Control plane is ready at ${record.apiServer}`)
}

async function shutDown(lab: LabDeps, images: FileServer): Promise<void> {
  await lab.processes.stopAll(STOP_GRACE_MS)
  await images.stop()
}

/** Saves that overlap are joined: the last state always reaches the file. */
function createSaver(write: () => Promise<void>): () => Promise<void> {
  let tail: Promise<void> = Promise.resolve()
  return () => {
    tail = tail.then(write)
    return tail
  }
}

async function choosePorts(): Promise<ControlPlanePorts> {
  const [etcdClient = 0, etcdPeer = 0, apiServer = 0, controllerManager = 0] =
    await findFreePorts(4)
  return { etcdClient, etcdPeer, apiServer, controllerManager }
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
