// `scripts-auto` of the current directory: made beside, swapped in at the end, by one run at a time
// (decision 28, ADR 0056).
import { isOsError, OsError } from '@kubenest/base/errors'
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import { removePath, stat } from '@kubenest/base/files'
import { takeLockFile } from '@kubenest/base/lock-file'
import type { RootTools } from './namespaces.ts'

/** Documented folder of all results. */
export const OUTPUT = 'scripts-auto'
/** Where the next result is made. */
export const WORK = `${OUTPUT}.new`
const PREVIOUS = `${OUTPUT}.old`
const LOCK = `${OUTPUT}.lock`

/** Runs an action that replaces the output, alone. */
export async function withOutputLock(cwd: string, action: () => Promise<void>): Promise<void> {
  await refuseForeignLock(cwd)
  const lock = await takeLockFile(`${cwd}/${LOCK}`)
  try {
    await action()
  } finally {
    await lock.release()
  }
}

/**
 * The documented tool's lock names nobody, so only a person can tell whether it is still in use.
 */
async function refuseForeignLock(cwd: string): Promise<void> {
  const file = `${cwd}/${OUTPUT}/test.lock`
  if ((await stat(file)) === undefined) return
  throw new OsError('blocked', {
    code: 'another-run',
    message: `Cannot build: ${file} says that another run is in progress; when none is, delete that file`,
  })
}

/**
 * What an earlier run left when it was killed. Between the two renames of `publish` the previous
 * result has its other name only; it gets its own back.
 */
export async function recoverOutput(cwd: string, exec: Exec, tools: RootTools): Promise<void> {
  if ((await stat(`${cwd}/${OUTPUT}`)) === undefined && (await stat(`${cwd}/${PREVIOUS}`)))
    await rename(exec, `${cwd}/${PREVIOUS}`, `${cwd}/${OUTPUT}`)
  await removeAsRoot(exec, tools, `${cwd}/${WORK}`)
  await removeAsRoot(exec, tools, `${cwd}/${PREVIOUS}`)
}

/** Puts the finished result in the place of the previous one. */
export async function publishOutput(cwd: string, exec: Exec): Promise<void> {
  if ((await stat(`${cwd}/${OUTPUT}`)) !== undefined)
    await rename(exec, `${cwd}/${OUTPUT}`, `${cwd}/${PREVIOUS}`)
  await rename(exec, `${cwd}/${WORK}`, `${cwd}/${OUTPUT}`)
  await removePath(`${cwd}/${PREVIOUS}`)
}

async function rename(exec: Exec, from: string, to: string): Promise<void> {
  await runOrThrow(exec, `rename ${from}`, { argv: ['mv', '-T', '--', from, to] })
}

/** Files of the image may belong to other users of the build's namespace. */
export async function removeAsRoot(exec: Exec, tools: RootTools, path: string): Promise<void> {
  if ((await stat(path)) === undefined) return
  try {
    return await removePath(path)
  } catch (error) {
    // Others' files remain; the namespace's root may remove them.
    if (!isOsError(error)) throw error
  }
  const [program, ...rest] = tools.asRoot(['rm', '-rf', '--', path])
  await runOrThrow(exec, `remove ${path}`, { argv: [program ?? 'rm', ...rest] })
}
