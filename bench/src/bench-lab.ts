// A control plane for one bench, started through the program that users get. It ends with this
// process, however that ends.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import path from 'node:path'
import { createFetchClient } from '@kubenest/kube/client/fetch-client'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { loadKubeConfig } from '@kubenest/kube/client/load-config'
import { makeToken } from './pod.ts'

/** A running control plane with our kinds and the documented rights. */
export interface BenchLab {
  /** Full rights. */
  readonly client: KubeClient
  readonly server: string
  /** PEM of the server's authority. */
  readonly ca: string
  /** Of the documented service account. */
  readonly token: string
  /** Runs kubectl and gives what it prints. */
  kubectl(args: readonly string[]): string
  stop(): void
}

/** A lab as the program `kubenest` sees it. */
export interface RunningLab {
  /** Its state folder. */
  readonly state: string
  /** Runs kubectl and gives what it prints. */
  kubectl(args: readonly string[], stdin?: string): string
  stop(): void
}

/** Runs `kubenest lab up` with these options. */
export function upLab(dist: string, options: readonly string[]): RunningLab {
  // Short, because unix sockets lie below it.
  const state = fs.mkdtempSync(path.join(os.tmpdir(), 'knb-'))
  const place = ['--name', 'bench', '--state', state]
  const program = path.join(dist, 'kubenest')
  runLab(program, ['up', ...place, ...options, '--until-exit-of', `${process.pid}`])
  return {
    state,
    kubectl: (args, stdin) => runLab(program, ['kubectl', ...place, '--', ...args], stdin),
    stop: () => void runLab(program, ['down', ...place]),
  }
}

/** Starts a lab without nodes and without operator. */
export async function startBenchLab(dist: string): Promise<BenchLab> {
  const lab = upLab(dist, ['--no-operator'])
  const config = await loadKubeConfig({
    env: {},
    kubeconfigPath: path.join(lab.state, 'kubeconfig'),
  })
  const controllers = processOf(lab.state, 'kube-controller-manager')
  // Nodes here have no kubelet: its node controller would taint them all after 40 s.
  process.kill(controllers, 'SIGSTOP')
  return {
    client: createFetchClient(config),
    server: config.server,
    ca: config.ca ?? '',
    token: makeToken((args) => lab.kubectl(args)),
    kubectl: (args) => lab.kubectl(args),
    stop: () => {
      process.kill(controllers, 'SIGCONT')
      lab.stop()
    },
  }
}

function runLab(program: string, args: readonly string[], input = ''): string {
  const maxBuffer = 256 * 1024 * 1024
  const run = spawnSync(program, ['lab', ...args], { encoding: 'utf8', maxBuffer, input })
  if (run.status !== 0)
    throw new Error(`lab ${args.join(' ')} exited with ${run.status}: ${run.stderr}${run.stdout}`)
  return run.stdout
}

function processOf(state: string, name: string): number {
  const record = JSON.parse(fs.readFileSync(path.join(state, 'lab.json'), 'utf8')) as {
    processes: { name: string; identity: { pid: number } }[]
  }
  const found = record.processes.find((each) => each.name === name)
  if (found === undefined) throw new Error(`the lab has no process ${name}`)
  return found.identity.pid
}
