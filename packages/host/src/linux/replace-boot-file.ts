// Replaces a file of the boot partition so that at no instant its name leads to anything but the
// complete old or the complete new content, also on FAT, where a rename is not one write (I1, I7).
// The old file stays open until the new name is on the medium: a FAT file system gives its clusters
// free only afterwards, so a name that still points to them points to the old content.
import { open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { OsError } from '@kubenest/base/errors'
import { syncDirectory } from '@kubenest/base/files'

/** Replaces the content of an existing file; durable when it resolves. */
export async function replaceBootFile(file: string, content: string): Promise<void> {
  const folder = path.dirname(file)
  // Eight and three characters: one directory entry on FAT, not several. Never one that is there: a
  // cut may have left a second name of the same clusters.
  const id = crypto.randomUUID().slice(0, 6)
  const temporary = path.join(folder, `kn${id}.new`)
  try {
    const old = await open(file, 'r')
    try {
      const fresh = await writeFresh(temporary, content, await stat(file))
      try {
        await syncDirectory(folder)
        await rename(temporary, file)
        // First the old name goes, which on FAT may stand in another sector: with both names on the
        // medium fsck takes the clusters from one of them, which may be this file.
        await syncDirectory(folder)
        // On FAT the flush of the file writes the directory entry that leads to it.
        await fresh.sync()
        await syncDirectory(folder)
      } finally {
        await fresh.close()
      }
    } finally {
      await old.close()
    }
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    throw new OsError('host', {
      code: errno === 'ENOSPC' ? 'disk-full' : 'file-failed',
      message: `Cannot replace ${file}: ${errno}; check that the boot partition is writable and has room`,
      fields: { file, errno },
      cause,
    })
  }
}

/**
 * Removes what a killed process left in the folder. Only in the boot in which it was killed: after
 * a power cut a leftover name may lead to the clusters of the very file that boots.
 */
export async function removeBootLeftovers(file: string): Promise<void> {
  const folder = path.dirname(file)
  for (const name of await readdir(folder))
    if (/^kn[0-9a-f]{6}\.new$/.test(name)) await unlink(path.join(folder, name))
}

async function writeFresh(
  temporary: string,
  content: string,
  like: { readonly mode: number; readonly uid: number; readonly gid: number },
): Promise<FileHandle> {
  const fresh = await open(temporary, 'wx', like.mode & 0o777)
  try {
    await fresh.writeFile(content)
    await fresh.chmod(like.mode & 0o777)
    await fresh.chown(like.uid, like.gid)
    await fresh.sync()
    return fresh
  } catch (cause) {
    await fresh.close()
    // Not renamed yet: nothing else can lead to it.
    await unlink(temporary)
    throw cause
  }
}
