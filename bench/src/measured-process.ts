// A built program under measurement: its memory as the kernel counts it, its log, its end.
import * as fs from 'node:fs'

const MB = 1_000_000
const KIB = 1024
const SAMPLE_MS = 200

/** A running program. */
export interface MeasuredProcess {
  readonly pid: number
  /** Anonymous memory now, MB. */
  anonymousMb(): number
  /** Highest anonymous memory seen so far, MB. */
  mostAnonymousMb(): number
  /** Resident memory now, MB. */
  residentMb(): number
  /** Highest resident memory so far, MB. */
  mostResidentMb(): number
  /** Resolves when the log holds this text. */
  said(text: string): Promise<void>
  hasExited(): boolean
  stop(): Promise<void>
}

/** How to start a program. */
export interface MeasuredOptions {
  readonly logFile: string
  readonly env?: Record<string, string>
  /** `argv` is a wrapper: measure its only child. */
  readonly inChild?: boolean
  /** Folder of a cgroup that the program is in from its first instruction. */
  readonly cgroup?: string
}

/** Starts `argv`; its output goes to the log file. */
export async function startMeasured(
  argv: readonly string[],
  options: MeasuredOptions,
): Promise<MeasuredProcess> {
  const { logFile, cgroup } = options
  const output = fs.openSync(logFile, 'w')
  const entered = cgroup === undefined ? undefined : enterCgroup(cgroup)
  const child = Bun.spawn([...argv], {
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', NO_COLOR: '1', ...options.env },
    stdio: ['ignore', output, output],
  })
  entered?.leave()
  fs.closeSync(output)
  const hasExited = () => child.exitCode !== null || child.signalCode !== null
  const pid = options.inChild === true ? await onlyChild(child.pid) : child.pid
  let most = 0
  const sampling = setInterval(() => {
    if (!hasExited()) most = Math.max(most, statusMb(pid, 'RssAnon'))
  }, SAMPLE_MS)
  return {
    pid,
    anonymousMb: () => statusMb(pid, 'RssAnon'),
    mostAnonymousMb: () => most,
    residentMb: () => statusMb(pid, 'VmRSS'),
    mostResidentMb: () => statusMb(pid, 'VmHWM'),
    hasExited,
    async said(text) {
      while (!fs.readFileSync(logFile, 'utf8').includes(text)) {
        if (hasExited())
          throw new Error(
            `${argv.join(' ')} ended before it said "${text}": ${fs.readFileSync(logFile, 'utf8')}`,
          )
        await Bun.sleep(50)
      }
    },
    async stop() {
      clearInterval(sampling)
      if (!hasExited()) process.kill(pid, 'SIGTERM')
      await child.exited
    },
  }
}

/** Moves this process in, so that a child is born inside; `leave` moves it back. */
function enterCgroup(cgroup: string): { leave: () => void } {
  const parent = `${cgroup}/../cgroup.procs`
  fs.writeFileSync(`${cgroup}/cgroup.procs`, `${process.pid}`)
  return { leave: () => fs.writeFileSync(parent, `${process.pid}`) }
}

async function onlyChild(pid: number): Promise<number> {
  for (;;) {
    const child = Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
    // A wrapper that has just forked still shows its own program there.
    if (child > 0 && fs.readlinkSync(`/proc/${child}/exe`) !== fs.readlinkSync(`/proc/${pid}/exe`))
      return child
    await Bun.sleep(10)
  }
}

function statusMb(pid: number, field: string): number {
  const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]
  // A process that is just ending has no memory any more.
  return kib === undefined ? 0 : (Number(kib) * KIB) / MB
}
