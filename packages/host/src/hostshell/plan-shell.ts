// What a host shell is, from the caller's environment: nsenter into all namespaces of process 1,
// then the container's own bash and tools on the host (contract 7.1). Pure.
import { OsError } from '@kubenest/base/errors'

/** Limit of a session when nothing else is asked for, minutes. */
export const LIMIT_MINUTES = 60
const LIMIT_MINUTES_MAX = 24 * 60

const PROGRAM_FOLDERS = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin']
const LIBRARY_FOLDERS = ['/usr/lib', '/usr/lib64', '/lib', '/lib64']

type Environment = Readonly<Record<string, string | undefined>>

/** A session to be started. */
export interface ShellPlan {
  readonly argv: readonly [string, ...string[]]
  readonly limitMinutes: number
}

/**
 * Plans the session. `callerPid` is the shell in the container, as the host numbers it: its root is
 * where the container's programs are found from the host.
 */
export function planShell(callerPid: number, env: Environment): ShellPlan {
  const root = `/proc/${callerPid}/root`
  const inside = (folders: readonly string[]) => folders.map((folder) => `${root}${folder}`)
  const programs = [env['PATH'] ?? '', ...inside(PROGRAM_FOLDERS)].join(':')
  const libraries = [env['LD_LIBRARY_PATH'] ?? '', ...inside(LIBRARY_FOLDERS)].join(':')
  return {
    argv: [
      '/usr/bin/nsenter',
      '--target=1',
      '--all',
      // Process 1 is in our own process namespace; a fork would be a parent that dies alone.
      '--no-fork',
      '--',
      'env',
      '-i',
      `PATH=${programs}`,
      `LD_LIBRARY_PATH=${libraries}`,
      `${root}/usr/bin/bash`,
    ],
    limitMinutes: limitOf(env['HOSTSHELL_LIMIT_MINUTES']),
  }
}

function limitOf(text: string | undefined): number {
  if (text === undefined || text === '') return LIMIT_MINUTES
  const minutes = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (minutes >= 1 && minutes <= LIMIT_MINUTES_MAX) return minutes
  throw new OsError('invalid', {
    code: 'hostshell-limit',
    message: `Cannot start a host shell: HOSTSHELL_LIMIT_MINUTES is ${JSON.stringify(text.slice(0, 40))}; set 1 to ${LIMIT_MINUTES_MAX}, or nothing for ${LIMIT_MINUTES}`,
  })
}
