// Which lab a command means, and where its state folder is.
import { OsError } from '@kubenest/base/errors'
import { stat } from '@kubenest/base/files'
import { type LabPaths, labPaths } from './lab-paths.ts'

/** Options that every lab command takes. */
export interface LabLocationOptions {
  readonly name: string
  /** State folder instead of the one in the cache. */
  readonly state?: string
}

/** One lab's place. */
export interface LabLocation {
  readonly name: string
  readonly cacheRoot: string
  readonly paths: LabPaths
}

type Env = Readonly<Record<string, string | undefined>>

/**
 * Finds the folders.
 *
 * @throws {OsError} kind `invalid` for a name or folder that cannot be used.
 */
export function locateLab(options: LabLocationOptions, env: Env): LabLocation {
  const { name } = options
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name))
    throw invalid('name', name, 'use lower-case letters, digits and dashes, 31 at most')
  if (options.state !== undefined && !options.state.startsWith('/'))
    throw invalid('state', options.state, 'give an absolute path')
  const cacheRoot = cacheRootOf(env)
  const root = options.state?.replace(/\/+$/, '') ?? `${cacheRoot}/labs/${name}`
  if (root.length > PATH_LENGTH_MAX)
    throw invalid('state', root, `choose a path of at most ${PATH_LENGTH_MAX} characters`)
  return { name, cacheRoot, paths: labPaths(root) }
}

/** The options that make another command mean the same lab, each with a space before it. */
export function repeatOptions({ name, state }: LabLocationOptions): string {
  const named = name === 'default' ? '' : ` --name ${name}`
  return state === undefined ? named : `${named} --state ${state}`
}

/** A unix socket's path has 107 characters; those of light nodes lie this much below the root. */
const PATH_LENGTH_MAX = 107 - '/nodes/light-999/run/os-agent/os-agent.sock'.length

function cacheRootOf(env: Env): string {
  const given = env['KUBENEST_CACHE']
  if (given !== undefined && given !== '') {
    if (!given.startsWith('/')) throw invalid('KUBENEST_CACHE', given, 'give an absolute path')
    return given.replace(/\/+$/, '')
  }
  const home = env['HOME']
  if (home?.startsWith('/')) return `${home}/.cache/kubenest`
  throw invalid('HOME', home ?? '', 'set it, or set KUBENEST_CACHE to a folder for downloads')
}

/** True for a folder that a lab made; another one must never be removed. */
export async function isLabFolder(paths: LabPaths): Promise<boolean> {
  return (await stat(paths.request)) !== undefined || (await stat(paths.record)) !== undefined
}

function invalid(field: string, value: string, remedy: string): OsError {
  return new OsError('invalid', {
    code: 'lab-option-invalid',
    message: `Cannot use ${field} "${value}" for a lab: ${remedy}`,
    fields: { field, value },
  })
}
