// Puts the running program, all its threads and whatever it starts, under a supervisor that sees
// chosen system calls before they happen.
import { dlopen, ptr } from 'bun:ffi'
import { renderFilter } from './seccomp-filter.ts'
import type { SystemCall } from './system-calls.ts'

/** Where the supervisor finds the listener among the descriptors of the program. */
export const LISTENER_FD = 200

const SYS_SECCOMP = 317
const PR_SET_NO_NEW_PRIVS = 38
const SET_MODE_FILTER = 1
/** All threads; a listener; a failure to reach a thread as an error. */
const FLAGS = 0x1 | 0x8 | 0x10
const O_CLOEXEC = 0o2000000

/** From here on every chosen call waits for the supervisor. */
export function installFilter(calls: readonly SystemCall[]): void {
  const { symbols: libc } = dlopen('libc.so.6', {
    prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' },
    syscall: { args: ['i64', 'u64', 'u64', 'ptr'], returns: 'i64' },
    dup3: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
    close: { args: ['i32'], returns: 'i32' },
  })
  const instructions = renderFilter(calls)
  const program = new DataView(new ArrayBuffer(16))
  program.setUint16(0, instructions.length / 8, true)
  program.setBigUint64(8, BigInt(ptr(instructions)), true)
  libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
  const listener = Number(libc.syscall(SYS_SECCOMP, SET_MODE_FILTER, FLAGS, ptr(program.buffer)))
  if (listener < 0) throw new Error('the kernel does not take a system call filter with a listener')
  libc.dup3(listener, LISTENER_FD, O_CLOEXEC)
  libc.close(listener)
}
