// Runs a program under the kernel's system call filter and decides about every durable call before
// it happens: let it pass, let it fail, or kill the program and everything it has started. One
// count over all threads and children, so that "the 17th durable call" means the same each time.
// (strace counts per thread, and Bun's file calls come from many.)
import { dlopen, ptr } from 'bun:ffi'
import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs'
import { LISTENER_FD } from './install-filter.ts'
import type { SystemCall } from './system-calls.ts'

/** A call that waits for its decision. */
export interface WaitingCall {
  readonly name: string
  /** The path, or what the descriptor names. */
  readonly object: string
  /** Name of the program that calls. */
  readonly program: string
}

/** `kill` takes the whole tree; a number is the errno that the call fails with. */
export type Decision = 'pass' | 'kill' | number

export interface SupervisedRun {
  /** The program and its arguments; it calls `installFilter` itself. */
  readonly argv: readonly [string, ...string[]]
  readonly calls: readonly SystemCall[]
  readonly limitMs: number
  readonly decide: (call: WaitingCall) => Decision
}

export interface SupervisedEnd {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

const SYS_PIDFD_OPEN = 434
const SYS_PIDFD_GETFD = 438
const RECEIVE = 0xc0502100n
const SEND = 0xc0182101n
const NOTICE_BYTES = 80
const ANSWER_BYTES = 24
const CONTINUE = 1
const READABLE = 1
const PATH_BYTES_MAX = 512
const WAIT_MS = 20

const { symbols: libc } = dlopen('libc.so.6', {
  poll: { args: ['ptr', 'u64', 'i32'], returns: 'i32' },
  ioctl: { args: ['i32', 'u64', 'ptr'], returns: 'i32' },
  syscall: { args: ['i64', 'i64', 'i64', 'i64'], returns: 'i64' },
  close: { args: ['i32'], returns: 'i32' },
})

/** Runs to the end, whatever that is. Blocks the calling thread while calls are decided. */
export async function supervise(run: SupervisedRun): Promise<SupervisedEnd> {
  // What a killed test has started must not go on without it.
  const withUs = ['setpriv', '--pdeathsig', 'KILL'] as const
  const own = ['unshare', '--pid', '--fork', '--kill-child=SIGKILL'] as const
  const child = Bun.spawn([...withUs, ...own, ...run.argv], { stdout: 'pipe', stderr: 'pipe' })
  const timer = setTimeout(() => child.kill('SIGKILL'), run.limitMs)
  const output = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  const listener = await takeListener(child)
  if (listener !== undefined) {
    decideAll(run, listener)
    libc.close(listener.fd)
  }
  const [stdout, stderr] = await output
  const exitCode = await child.exited
  clearTimeout(timer)
  return { exitCode, stdout, stderr }
}

interface Listener {
  readonly fd: number
  /** First process of the namespace: with it ends everything inside. */
  readonly leader: number
}

/** Waits until the program has installed its filter; `undefined` when it ended before. */
async function takeListener(child: Bun.Subprocess): Promise<Listener | undefined> {
  while (child.exitCode === null && child.signalCode === null) {
    const leader = childOf(child.pid)
    if (leader !== undefined && isOpen(leader, LISTENER_FD)) {
      const pidfd = Number(libc.syscall(SYS_PIDFD_OPEN, leader, 0, 0))
      const fd = Number(libc.syscall(SYS_PIDFD_GETFD, pidfd, LISTENER_FD, 0))
      libc.close(pidfd)
      if (fd >= 0) return { fd, leader }
    }
    await Bun.sleep(1)
  }
  return undefined
}

function childOf(pid: number): number | undefined {
  try {
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]
    return first === undefined || first === '' ? undefined : Number(first)
  } catch {
    // It has ended.
    return undefined
  }
}

function isOpen(pid: number, fd: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`).includes('seccomp')
  } catch {
    // Not open yet.
    return false
  }
}

/** Until nobody is left under the filter. */
function decideAll(run: SupervisedRun, { fd, leader }: Listener): void {
  const byNumber = new Map(run.calls.map((call) => [call.number, call]))
  const endMs = performance.now() + run.limitMs
  const waiting = new DataView(new ArrayBuffer(8))
  const notice = new DataView(new ArrayBuffer(NOTICE_BYTES))
  waiting.setInt32(0, fd, true)
  for (;;) {
    waiting.setUint16(4, READABLE, true)
    waiting.setUint16(6, 0, true)
    const found = libc.poll(ptr(waiting.buffer), 1, WAIT_MS)
    if (performance.now() > endMs) process.kill(leader, 'SIGKILL')
    if (found === 0) continue
    if ((waiting.getUint16(6, true) & READABLE) === 0) return
    new Uint8Array(notice.buffer).fill(0)
    // A caller that was killed in the meantime is no longer there to be asked about.
    if (libc.ioctl(fd, RECEIVE, ptr(notice.buffer)) !== 0) continue
    const call = describe(byNumber, notice)
    const decision = call === undefined ? 'pass' : run.decide(call)
    if (decision === 'kill') process.kill(leader, 'SIGKILL')
    else answer(fd, notice.getBigUint64(0, true), decision)
  }
}

function answer(fd: number, id: bigint, decision: 'pass' | number): void {
  const reply = new DataView(new ArrayBuffer(ANSWER_BYTES))
  reply.setBigUint64(0, id, true)
  if (decision === 'pass') reply.setUint32(20, CONTINUE, true)
  else reply.setInt32(16, -decision, true)
  libc.ioctl(fd, SEND, ptr(reply.buffer))
}

function describe(
  byNumber: ReadonlyMap<number, SystemCall>,
  notice: DataView,
): WaitingCall | undefined {
  const pid = notice.getUint32(8, true)
  const call = byNumber.get(notice.getInt32(16, true))
  if (call === undefined) return undefined
  const value = notice.getBigUint64(32 + 8 * call.object.argument, true)
  try {
    const object =
      call.object.kind === 'descriptor'
        ? readlinkSync(`/proc/${pid}/fd/${Number(value & 0xffffffffn)}`)
        : readPath(pid, Number(value))
    return { name: call.name, object, program: programOf(pid) }
  } catch {
    // Killed in this moment.
    return undefined
  }
}

function readPath(pid: number, address: number): string {
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  try {
    const bytes = new Uint8Array(PATH_BYTES_MAX)
    const length = readSync(memory, bytes, 0, PATH_BYTES_MAX, address)
    const end = bytes.subarray(0, length).indexOf(0)
    return new TextDecoder().decode(bytes.subarray(0, end < 0 ? length : end))
  } finally {
    closeSync(memory)
  }
}

function programOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
}
