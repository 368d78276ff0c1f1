// A folder of images that cost minutes to make: kept under a key that says what went in, one key at
// a time, and with it the package roots that this key still needs.
import { ensureDirectory, listDirectory, removePath, stat } from '@kubenest/base/files'
import { takeLockFile } from '@kubenest/base/lock-file'

/** What is wanted of the cache, by whoever holds its lock. */
export interface CacheRequest<Name extends string> {
  /** Folder of all keys. */
  readonly root: string
  readonly key: string
  /** Names that are wanted, and the file of each below the key's folder. */
  readonly names: readonly Name[]
  readonly fileOf: (name: Name) => string
  /** Other entries of the root that are still of use, by name. */
  readonly keep: readonly string[]
  /** Makes what is missing in the key's folder. */
  readonly build: (folder: string, missing: readonly Name[]) => Promise<void>
}

/** What this cache makes in its root: folders of keys, package roots, and halves of those. */
const OURS = /^([0-9a-f]{16}|packages-[0-9a-f]{16}\.tar(\.new)?)$/

/** One process at a time uses the cache; another one is told who does. */
export async function withCacheLock<T>(root: string, task: () => Promise<T>): Promise<T> {
  await ensureDirectory(root)
  const lock = await takeLockFile(`${root}/lock`)
  try {
    return await task()
  } finally {
    await lock.release()
  }
}

/** Folder of the key with everything that is wanted; what no longer is of use is removed. */
export async function ensureCached<Name extends string>(
  request: CacheRequest<Name>,
): Promise<string> {
  const { root, key, names, fileOf } = request
  const folder = `${root}/${key}`
  const missing: Name[] = []
  for (const name of names)
    if ((await stat(`${folder}/${fileOf(name)}`)) === undefined) missing.push(name)
  if (missing.length > 0) await request.build(folder, missing)
  // Running labs have links of their own to the images of other keys.
  for (const name of staleEntries(await listDirectory(root), [key, ...request.keep]))
    await removePath(`${root}/${name}`)
  return folder
}

/** Entries that this cache made and that nothing needs. */
export function staleEntries(names: readonly string[], needed: readonly string[]): string[] {
  return names.filter((name) => OURS.test(name) && !needed.includes(name))
}
