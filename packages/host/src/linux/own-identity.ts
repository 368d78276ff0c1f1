// Who runs this very program, for the audit log.
import { readFileSync } from 'node:fs'
import { cgroupOf } from './peer-cgroup.ts'

/** What /proc/self/loginuid holds when nobody logged in. */
const NOBODY = 4_294_967_295

/** This process, its user, and the user who logged in before they became root. */
export function ownIdentity(): {
  readonly pid: number
  readonly uid: number
  readonly cgroup?: string
  readonly loginUid?: number
} {
  const cgroup = cgroupOf(process.pid)
  const loginUid = readLoginUid()
  return {
    pid: process.pid,
    uid: process.getuid?.() ?? 0,
    ...(cgroup === undefined ? {} : { cgroup }),
    ...(loginUid === undefined ? {} : { loginUid }),
  }
}

function readLoginUid(): number | undefined {
  try {
    const found = Number(readFileSync('/proc/self/loginuid', 'utf8'))
    return Number.isSafeInteger(found) && found !== NOBODY ? found : undefined
  } catch {
    // A kernel without audit has no such file.
    return undefined
  }
}
