// The socket that systemd hands over (sd_listen_fds protocol). Refuses rather than guesses:
// listening somewhere else by mistake would open a root service to the wrong clients (runtime
// notes, fact 4).
import { fstatSync, readFileSync, readlinkSync } from 'node:fs'
import { OsError } from '@kubenest/base/errors'

const FIRST_FD = 3
/** `__SO_ACCEPTCON` in the flags column of /proc/net/unix. */
const LISTENING_FLAG = 0x10000

/**
 * Descriptor of the listening unix socket we were started with; `undefined` without socket
 * activation. Throws code `socket-activation-broken` when the hand-over is not one listening unix
 * socket.
 */
export function activatedSocket(
  env: Readonly<Record<string, string | undefined>>,
  pid = process.pid,
): number | undefined {
  const count = env['LISTEN_FDS']
  if (count === undefined || env['LISTEN_PID'] !== String(pid)) return undefined
  if (count !== '1')
    throw broken(`LISTEN_FDS is ${count.slice(0, 20)}; hand over exactly one socket`)
  if (!isListeningUnixSocket(FIRST_FD))
    throw broken('descriptor 3 is not a listening unix socket; set ListenStream= to a path')
  return FIRST_FD
}

function isListeningUnixSocket(fd: number): boolean {
  try {
    if (!fstatSync(fd).isSocket()) return false
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
    const rows = readFileSync('/proc/self/net/unix', 'utf8').split('\n')
    // Columns: number, references, protocol, flags, type, state, inode, path.
    const columns = rows.map((row) => row.trim().split(/\s+/)).find((row) => row[6] === inode)
    return (Number.parseInt(columns?.[3] ?? '0', 16) & LISTENING_FLAG) !== 0
  } catch {
    // A descriptor that cannot be looked at is not usable either.
    return false
  }
}

function broken(reason: string): OsError {
  return new OsError('host', {
    code: 'socket-activation-broken',
    message: `Cannot take over the socket from systemd: ${reason}`,
  })
}
