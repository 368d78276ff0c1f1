// One lab for a whole test run, started through the program that users get. It ends with this
// process, however that ends. From source when dist/ was not built, and says so.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import path from 'node:path'

const root = path.resolve(import.meta.dir, '../..')

/** A running lab, as a black box. */
export interface TestLab {
  readonly kubeconfigPath: string
  /** Folder with lab.json (processes with their ids), logs and node files. */
  readonly stateFolder: string
  /** Runs kubectl; throws with its output when it fails. `stdin` feeds `-f -`. */
  kubectl(args: readonly string[], stdin?: string): string
  /** What the supervisor wrote last. */
  record(): LabState
  /** Process id of a part of the lab, for example `operator` or `kube-apiserver`. */
  pidOf(name: string): number
  /** Kills a part without warning; false when it is not running at this moment. */
  kill(name: string): boolean
  stop(): void
}

/** The members of lab.json that tests read. */
export interface LabState {
  readonly imageServer: string
  readonly processes: readonly { name: string; identity: { pid: number } }[]
  readonly nodes: readonly {
    name: string
    power: string
    boots: readonly { slot: string; version: string; trial: boolean; outcome: string }[]
  }[]
}

/** What a run needs. */
export interface TestLabOptions {
  /** Light nodes. @defaultValue 0 */
  readonly light?: number
  /** @defaultValue false */
  readonly operator?: boolean
}

let shared: TestLab | undefined

/**
 * The lab of this run: control plane with our CRDs and RBAC, nothing else. Started at the first
 * call.
 */
export function sharedLab(): TestLab {
  shared ??= startTestLab()
  return shared
}

/** Starts a lab of its own; takes about 4 s. Stop it when done. */
export function startTestLab(options: TestLabOptions = {}): TestLab {
  // Short, because unix sockets lie below it.
  const stateFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'kn-'))
  const place = ['--name', 'e2e', '--state', stateFolder]
  const operator = options.operator === true ? [] : ['--no-operator']
  const owner = ['--until-exit-of', `${process.pid}`]
  runLab(['up', ...place, '--light', `${options.light ?? 0}`, ...operator, ...owner])
  return {
    kubeconfigPath: path.join(stateFolder, 'kubeconfig'),
    stateFolder,
    kubectl: (args, stdin) => runLab(['kubectl', ...place, '--', ...args], stdin),
    record: () => readState(stateFolder),
    pidOf: (name) => pidOf(stateFolder, name),
    kill: (name) => kill(stateFolder, name),
    stop: () => void runLab(['down', ...place]),
  }
}

function program(): [string, ...string[]] {
  const built = path.join(root, 'dist/linux-x64/kubenest')
  if (fs.existsSync(built)) return [built]
  process.stderr.write('e2e: dist/ is missing, the lab runs from source; make build first\n')
  return [process.execPath, path.join(root, 'packages/workstation/src/main.ts')]
}

const LAB_TIMEOUT_MS = 300_000

/** Runs `kubenest lab …`; throws with its output when it fails. */
export function runLab(args: readonly string[], stdin?: string): string {
  const [command, ...first] = program()
  const run = spawnSync(command, [...first, 'lab', ...args], {
    encoding: 'utf8',
    input: stdin ?? '',
    timeout: LAB_TIMEOUT_MS,
    maxBuffer: 256 * 1024 * 1024,
  })
  if (run.status === 0) return run.stdout
  throw new Error(`lab ${args.join(' ')} exited with ${run.status}: ${run.stderr}${run.stdout}`)
}

function kill(stateFolder: string, name: string): boolean {
  try {
    process.kill(pidOf(stateFolder, name), 'SIGKILL')
    return true
  } catch {
    // Between two runs of it.
    return false
  }
}

function pidOf(stateFolder: string, name: string): number {
  const found = readState(stateFolder).processes.find((each) => each.name === name)
  if (found === undefined) throw new Error(`the lab has no process ${name}`)
  return found.identity.pid
}

function readState(stateFolder: string): LabState {
  return JSON.parse(fs.readFileSync(path.join(stateFolder, 'lab.json'), 'utf8')) as LabState
}
