// Who is at the other end of a unix socket, told by the kernel (SO_PEERCRED). Needs bun:ffi and
// thereby the JIT: units must not set MemoryDenyWriteExecute (runtime notes, fact 6).
import { dlopen, ptr } from 'bun:ffi'

/** Process and user of a peer at the time it connected. */
export interface PeerCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

const SOL_SOCKET = 1
const SO_PEERCRED = 17

let libc: ReturnType<typeof openLibc> | undefined

/**
 * Credentials of the peer of a connected unix socket; `undefined` when the kernel does not tell.
 */
export function peerCredentials(socketFd: number): PeerCredentials | undefined {
  libc ??= openLibc()
  const found = new Int32Array(3)
  const size = new Int32Array([found.byteLength])
  const status = libc.symbols.getsockopt(socketFd, SOL_SOCKET, SO_PEERCRED, ptr(found), ptr(size))
  const [pid, uid, gid] = found
  if (status !== 0 || pid === undefined || uid === undefined || gid === undefined) return undefined
  return { pid, uid, gid }
}

function openLibc() {
  return dlopen('libc.so.6', {
    getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
  })
}
