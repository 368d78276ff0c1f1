// One lab with one virtual node, as a black box, through the programs that users get. When a step
// fails, it tells what a person would look at first.
import { systemClock } from '@kubenest/base/clock'
import { runQmpCommand } from '@kubenest/workstation/qemu/qmp'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import path from 'node:path'

const PROGRAMS = path.resolve(import.meta.dir, '../../dist/linux-x64')
const PROGRAM = `${PROGRAMS}/kubenest`
/** Images are built when the cache has none. */
const UP_TIMEOUT_MS = 40 * 60_000
const CALL_TIMEOUT_MS = 120_000
/** A reboot of an emulated guest on a busy machine. */
const OFF_LIMIT_MS = 5 * 60_000
const LOOK_MS = 1000
const TAIL_LINES = 60

/** Name of the only node. */
export const NODE = 'vm-1'

/** One boot of the node, as the lab's supervisor saw it on the serial line. */
export interface SeenBoot {
  /** RFC 3339. */
  readonly at?: string
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
    readonly operation?: {
      readonly phase?: string
      readonly bytesDone?: number
      readonly bytesTotal?: number
    }
    readonly conditions?: readonly { type: string; status: string; reason: string }[]
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
  /** `kubectl os …`, as a person calls it. */
  kubectlOs(args: readonly string[]): string
  /** What the node has printed on its serial line: in earlier boots, and in this one. */
  serial(): { readonly earlier: string; readonly now: string }
  /** Power cut: QEMU is killed; the supervisor turns power on again. */
  cutPower(): void
  /** The reset button. */
  pressReset(): Promise<void>
  /**
   * Changes the node's disk while it has no power, and gives power again. `at-reboot` waits until
   * the node itself reboots, `cut` takes its power.
   */
  whileOff(how: 'at-reboot' | 'cut', change: (disk: string) => void): Promise<void>
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
    kubectlOs: (args) => {
      const env = { ...process.env, KUBECONFIG: path.join(stateFolder, 'kubeconfig') }
      return runProgram(`${PROGRAMS}/kubectl-os`, args, { timeoutMs: CALL_TIMEOUT_MS, env })
    },
    serial: () => ({
      earlier: readOr(`${stateFolder}/logs/${NODE}-console.log`, ''),
      now: readOr(`${stateFolder}/nodes/${NODE}/serial.log`, ''),
    }),
    cutPower: () => process.kill(guestPid(stateFolder), 'SIGKILL'),
    pressReset: async () =>
      void (await runQmpCommand(`${stateFolder}/nodes/${NODE}/qmp.sock`, 'system_reset')),
    whileOff: (how, change) => whileOff(stateFolder, how, change),
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

/** The supervisor turns power on as soon as a guest has ended: it is stopped meanwhile. */
async function whileOff(
  stateFolder: string,
  how: 'at-reboot' | 'cut',
  change: (disk: string) => void,
): Promise<void> {
  const { supervisor } = readRecord(stateFolder)
  process.kill(supervisor.pid, 'SIGSTOP')
  try {
    if (how === 'cut') process.kill(guestPid(stateFolder), 'SIGKILL')
    const disk = `${stateFolder}/nodes/${NODE}/disk.qcow2`
    // A process that is said to be gone may have threads that still hold the disk.
    await until('a guest without power', OFF_LIMIT_MS, () =>
      spawnSync('qemu-img', ['info', disk]).status === 0 ? true : undefined,
    )
    change(disk)
  } finally {
    process.kill(supervisor.pid, 'SIGCONT')
  }
}

function runLab(args: readonly string[], timeoutMs: number, stdin = ''): string {
  return runProgram(PROGRAM, ['lab', ...args], { timeoutMs, stdin })
}

interface RunOptions {
  readonly timeoutMs: number
  readonly stdin?: string
  readonly env?: NodeJS.ProcessEnv
}

/** Runs a program to its end; throws with what it printed when it fails. */
export function runProgram(
  program: string,
  args: readonly string[],
  { timeoutMs, stdin = '', env = process.env }: RunOptions,
): string {
  const run = spawnSync(program, args, {
    encoding: 'utf8',
    input: stdin,
    timeout: timeoutMs,
    env,
    maxBuffer: 64 * 1024 * 1024,
  })
  if (run.status === 0) return run.stdout
  const what = `${path.basename(program)} ${args.join(' ')}`
  throw new Error(`${what} exited with ${run.status}: ${run.stderr}${run.stdout}`)
}

function readOr(file: string, otherwise: string): string {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : otherwise
}

interface LabRecord {
  readonly supervisor: { readonly pid: number }
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
  const tail = (file: string) =>
    readOr(file, '(no such file)').trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
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
