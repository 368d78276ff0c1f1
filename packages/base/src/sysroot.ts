// All host paths go through a SysRoot, so that a test points the code at a folder and uses real
// files.
import path from 'node:path'
import { assert } from './assert.ts'

/** Root of the system we work on: `/` in production. */
export interface SysRoot {
  readonly root: string
  /** The real path of an absolute path of the system. */
  path(absolute: string): string
}

/**
 * Makes a {@link SysRoot}.
 *
 * @throws {OsError} kind `bug` from `path` when the path is relative or leaves the root.
 */
export function createSysRoot(root = '/'): SysRoot {
  return {
    root,
    path: (absolute) => {
      assert(absolute.startsWith('/'), `${absolute} is not absolute`)
      const real = path.join(root, path.normalize(absolute))
      assert(
        root === '/' || real === root || real.startsWith(`${root}/`),
        `${absolute} leaves ${root}`,
      )
      return real
    },
  }
}
