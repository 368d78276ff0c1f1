// A lock held by the identity of a process (pid and start time), not by the existence of a file:
// after a crash or a power cut nobody has to delete anything (threat A20).
import * as fs from 'node:fs/promises'
import { OsError } from './errors.ts'

const ATTEMPTS_MAX = 5

/** A lock that was taken. */
export interface HeldLock {
  /** Gives the lock back; can be repeated. */
  release(): Promise<void>
}

/**
 * Takes a lock file, breaking one whose holder has ended.
 *
 * @throws {OsError} kind `blocked`, code `lock-taken`, when a running process holds it.
 */
export async function takeLockFile(file: string): Promise<HeldLock> {
  const own = await identityOf(process.pid)
  const temporary = `${file}.${process.pid}.${crypto.randomUUID()}`
  await fs.writeFile(temporary, own, { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (await linkOnce(temporary, file)) return { release: () => releaseOwn(file, own) }
      const holder = await readHolder(file)
      if (holder !== undefined && (await isAlive(holder))) throw takenError(file, holder)
      if (holder !== undefined && (await replaceStale(temporary, file, holder)))
        return { release: () => releaseOwn(file, own) }
    }
    throw takenError(file, 'another process, again and again')
  } finally {
    await fs.rm(temporary, { force: true })
  }
}

function takenError(file: string, holder: string): OsError {
  const pid = holder.split(' ')[0]
  return new OsError('blocked', {
    code: 'lock-taken',
    message: `Cannot take ${file}: process ${pid} holds it; wait for it to end`,
    fields: { file, holder },
  })
}

/**
 * A hard link is made completely or not at all, so a lock file is never seen without its content.
 */
async function linkOnce(from: string, to: string): Promise<boolean> {
  try {
    await fs.link(from, to)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

async function readHolder(file: string): Promise<string | undefined> {
  return fs.readFile(file, 'utf8').catch(() => undefined)
}

async function releaseOwn(file: string, own: string): Promise<void> {
  if ((await readHolder(file)) === own) await fs.rm(file, { force: true })
}

/**
 * Replaces a stale lock by ours. Breakers of the same stale lock exclude each other by a second
 * link; whoever has it looks again, so a lock that is fresh by now stays. True when the lock is
 * ours.
 */
async function replaceStale(temporary: string, file: string, stale: string): Promise<boolean> {
  const breaking = `${file}.breaking`
  if (!(await linkOnce(temporary, breaking))) {
    const breaker = await readHolder(breaking)
    if (breaker !== undefined && !(await isAlive(breaker))) await fs.rm(breaking, { force: true })
    return false
  }
  try {
    if ((await readHolder(file)) !== stale) return false
    await fs.rename(temporary, file)
    return true
  } finally {
    await fs.rm(breaking, { force: true })
  }
}

async function isAlive(holder: string): Promise<boolean> {
  const pid = Number(holder.split(' ')[0])
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  return (await identityOf(pid)) === holder
}

/** `pid start-time boot-id`: the same pid after a reboot or a wrap is another process. */
async function identityOf(pid: number): Promise<string> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The program name in parentheses may hold spaces; the state is the first field after it.
  const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'gone'
  const bootId = (await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  return `${pid} ${startTicks} ${bootId}`
}
