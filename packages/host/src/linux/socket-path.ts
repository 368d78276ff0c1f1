// Makes the path of our socket ours (contract 4.1): folder made, stale socket removed, two agents
// refused.
import { chmod, chown, lstat, mkdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { OsError } from '@kubenest/base/errors'
import { tryLockFile, type HeldLock } from './file-lock.ts'

/**
 * Claims a socket path for this process. Throws code `socket-taken` when another agent serves it,
 * or when something that is not a socket is there.
 */
export async function claimSocketPath(socketPath: string): Promise<HeldLock> {
  const directory = path.dirname(socketPath)
  await ensureOneLevel(directory)
  const lock = await tryLockFile(path.join(directory, `.${path.basename(socketPath)}.lock`))
  if (lock === undefined) throw taken(socketPath, 'another os-agent is serving it; stop that one')
  try {
    await removeStaleSocket(socketPath)
    return lock
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Gives the bound socket its documented owner and mode; it was narrower until now. */
export async function openSocketToGroup(socketPath: string, ownerUid: number): Promise<void> {
  await chown(socketPath, ownerUid, process.getgid?.() ?? 0)
  await chmod(socketPath, 0o640)
}

async function ensureOneLevel(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o750 })
    await chmod(directory, 0o750)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return
    throw new OsError('host', {
      code: 'socket-folder-failed',
      message: `Cannot make the folder ${directory}: ${errnoOf(error)}`,
      cause: error,
    })
  }
}

async function removeStaleSocket(socketPath: string): Promise<void> {
  const info = await lstat(socketPath).catch(() => undefined)
  if (info === undefined) return
  if (!info.isSocket())
    throw taken(socketPath, 'it exists and is not a socket; move it away and start again')
  if (await isServed(socketPath))
    throw taken(socketPath, 'another program is serving it; stop that one')
  await rm(socketPath)
}

function isServed(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socketPath)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    // A full backlog (EAGAIN) is a living server, too.
    probe.once('error', (error) => resolve(errnoOf(error) !== 'ECONNREFUSED'))
  })
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

function taken(socketPath: string, reason: string): OsError {
  return new OsError('blocked', {
    code: 'socket-taken',
    message: `Cannot listen on ${socketPath}: ${reason}`,
    fields: { path: socketPath },
  })
}
