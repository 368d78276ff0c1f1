// One lab with one virtual node, as a black box, through the programs that users get. When a step
// fails, it tells what a person would look at first.
import { systemClock } from '@kubenest/base/clock'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import path from 'node:path'

const PROGRAM = path.resolve(import.meta.dir, '../../dist/linux-x64/kubenest')
/** Images are built when the cache has none. */
const UP_TIMEOUT_MS = 40 * 60_000
const CALL_TIMEOUT_MS = 120_000
const LOOK_MS = 1000
const TAIL_LINES = 60

/** Name of the only node. */
export const NODE = 'vm-1'

/** One boot of the node, as the lab's supervisor saw it on the serial line. */
export interface SeenBoot {
  readonly slot: 'A' | 'B'
  readonly version: string
  readonly trial: boolean
  readonly outcome: 'boots' | 'panics'
}

/** What the tests read of the OSInstance. */
export interface SeenInstance {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
  readonly spec?: { readonly nodestatus?: string }
  readonly status?: {
    readonly operation?: { readonly bytesDone?: number; readonly bytesTotal?: number }
  }
}

export interface VmLab {
  readonly stateFolder: string
  kubectl(args: readonly string[], stdin?: string): string
  /** Parsed `kubectl get … -o json`; `undefined` when there is no such object. */
  find<T>(...what: string[]): T | undefined
  /** Applies one of the lab's manifests. */
  apply(manifest: string): void
  boots(): readonly SeenBoot[]
  /** Power cut: QEMU is killed; the supervisor turns power on again. */
  cutPower(): void
  /** Runs a step and tells its duration; tells the state of the node when it fails. */
  step(title: string, action: () => Promise<void>): Promise<void>
  stop(): void
}

/** Starts the lab; it ends with this process. */
export function startVmLab(): VmLab {
  if (!fs.existsSync(PROGRAM)) throw new Error('e2e/vm needs dist/: run make build first')
  // Short, because unix sockets lie below it.
  const stateFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'kv-'))
  const place = ['--name', 'e2e-vm', '--state', stateFolder]
  const owner = ['--until-exit-of', `${process.pid}`]
  runLab(['up', ...place, '--vm', '1', '--durable', ...owner], UP_TIMEOUT_MS)
  const kubectl = (args: readonly string[], stdin?: string) =>
    runLab(['kubectl', ...place, '--', ...args], CALL_TIMEOUT_MS, stdin)
  const lab: VmLab = {
    stateFolder,
    kubectl,
    find: <T>(...what: string[]) => {
      const text = kubectl(['get', '--ignore-not-found', '-o', 'json', ...what])
      return text.trim() === '' ? undefined : (JSON.parse(text) as T)
    },
    apply: (manifest) => void kubectl(['apply', '-f', `${stateFolder}/manifests/${manifest}`]),
    boots: () => readRecord(stateFolder).nodes.find(({ name }) => name === NODE)?.boots ?? [],
    cutPower: () => process.kill(guestPid(stateFolder), 'SIGKILL'),
    step: async (title, action) => await runStep(lab, title, action),
    stop: () => void runLab(['down', ...place], CALL_TIMEOUT_MS),
  }
  return lab
}

async function runStep(lab: VmLab, title: string, action: () => Promise<void>): Promise<void> {
  const startedMs = systemClock.monotonicMs()
  const seconds = () => ((systemClock.monotonicMs() - startedMs) / 1000).toFixed(0)
  try {
    await action()
    process.stderr.write(`e2e/vm: ${title}: ${seconds()} s\n`)
  } catch (error) {
    process.stderr.write(`e2e/vm: ${title}: FAILED after ${seconds()} s\n${diagnose(lab)}\n`)
    throw error
  }
}

/** Waits until `look` gives something, or fails after the limit. */
export async function until<T>(
  what: string,
  limitMs: number,
  look: () => T | undefined,
): Promise<T> {
  const deadlineMs = systemClock.monotonicMs() + limitMs
  for (;;) {
    const seen = look()
    if (seen !== undefined) return seen
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`never seen: ${what}`)
    await systemClock.sleep(LOOK_MS)
  }
}

function runLab(args: readonly string[], timeoutMs: number, stdin = ''): string {
  const run = spawnSync(PROGRAM, ['lab', ...args], {
    encoding: 'utf8',
    input: stdin,
    timeout: timeoutMs,
    maxBuffer: 64 * 1024 * 1024,
  })
  if (run.status === 0) return run.stdout
  throw new Error(`lab ${args.join(' ')} exited with ${run.status}: ${run.stderr}${run.stdout}`)
}

interface LabRecord {
  readonly nodes: readonly { name: string; boots: readonly SeenBoot[] }[]
  readonly processes: readonly { name: string; identity: { pid: number } }[]
}

function readRecord(stateFolder: string): LabRecord {
  return JSON.parse(fs.readFileSync(path.join(stateFolder, 'lab.json'), 'utf8')) as LabRecord
}

function guestPid(stateFolder: string): number {
  const found = readRecord(stateFolder).processes.find(({ name }) => name === `guest-${NODE}`)
  if (found === undefined) throw new Error('the guest does not run')
  return found.identity.pid
}

function diagnose(lab: VmLab): string {
  const tail = (file: string) => {
    if (!fs.existsSync(file)) return '(no such file)'
    return fs.readFileSync(file, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
  }
  const objects = ['os,osinstances,nodes,pods', '-A', '-o', 'wide']
  return [
    `boots: ${JSON.stringify(lab.boots())}`,
    lab.kubectl(['get', ...objects]),
    lab.kubectl(['get', 'os,osinstances', '-A', '-o', 'yaml']),
    'serial line of this boot:',
    tail(`${lab.stateFolder}/nodes/${NODE}/serial.log`),
    'serial line of earlier boots:',
    tail(`${lab.stateFolder}/logs/${NODE}-console.log`),
    'operator:',
    tail(`${lab.stateFolder}/logs/operator.log`),
  ].join('\n')
}
