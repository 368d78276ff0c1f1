// Everything below a folder, in an order that does not depend on the file system.
import { type FileStat, listDirectory, stat } from '@kubenest/base/files'

export interface TreeEntry {
  /** Below the folder, without a slash in front. */
  readonly path: string
  readonly kind: FileStat['kind']
}

/** Entries sorted by name, each folder before what is in it; links are not followed. */
export async function listTree(folder: string, below = ''): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = []
  for (const name of await listDirectory(`${folder}/${below}`)) {
    const path = `${below}${name}`
    const kind = (await stat(`${folder}/${path}`))?.kind ?? 'other'
    entries.push({ path, kind })
    if (kind === 'directory') entries.push(...(await listTree(folder, `${path}/`)))
  }
  return entries
}
