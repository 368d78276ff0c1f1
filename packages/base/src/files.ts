// Files for packages that may not import node:fs themselves. Every path is absolute or relative to
// the working directory; nothing here follows user text into a shell.
import { appendFileSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { errnoReason } from './errno-reason.ts'
import { OsError } from './errors.ts'

/** What `stat` tells of a path, links not followed. */
export interface FileStat {
  readonly kind: 'file' | 'directory' | 'link' | 'block' | 'other'
  readonly sizeBytes: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** Text of a file; `undefined` when it does not exist. */
export async function readText(file: string): Promise<string | undefined> {
  return (await readBytes(file))?.toString('utf8')
}

/** Bytes of a file; `undefined` when it does not exist. */
export async function readBytes(file: string): Promise<Buffer | undefined> {
  try {
    return await fs.readFile(file)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw fileError('read', file, error)
  }
}

/**
 * Writes a new or existing file in place; not safe against a crash: for files nobody reads after
 * one.
 */
export async function writeFile(
  file: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  try {
    await fs.writeFile(file, content, { mode })
    await fs.chmod(file, mode)
  } catch (error) {
    throw fileError('write', file, error)
  }
}

/**
 * Replaces a file so that a crash leaves the complete old or the complete new one: temporary file
 * in the same folder, sync, rename, sync of the folder (reliability 4.1). Never for files on FAT.
 */
export async function replaceFile(
  file: string,
  content: string | Uint8Array,
  mode?: number,
): Promise<void> {
  const before = await stat(file)
  const temporary = `${temporaryPrefix(file)}${crypto.randomUUID()}`
  try {
    const handle = await fs.open(temporary, 'wx', mode ?? before?.mode ?? 0o644)
    try {
      await handle.writeFile(content)
      await handle.chmod((mode ?? before?.mode ?? 0o644) & 0o7777)
      if (before !== undefined) await handle.chown(before.uid, before.gid)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await fs.rename(temporary, file)
    await syncDirectory(path.dirname(file))
  } catch (error) {
    await fs.rm(temporary, { force: true })
    throw fileError('replace', file, error)
  }
}

/**
 * Removes what a `replaceFile` of this file left when its program was killed. Only for a caller
 * that alone replaces the file: the temporary file of another one would go as well.
 */
export async function removeLeftovers(file: string): Promise<void> {
  const prefix = path.basename(temporaryPrefix(file))
  const folder = path.dirname(file)
  for (const name of await listDirectory(folder))
    if (name.startsWith(prefix) && UUID.test(name.slice(prefix.length)))
      await removePath(path.join(folder, name))
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function temporaryPrefix(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.`)
}

/**
 * Writes a file under a name that is free or left over, and makes its content durable, not yet its
 * name.
 */
export async function createNewFile(
  file: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  try {
    await fs.rm(file, { force: true })
    const handle = await fs.open(file, 'wx', mode)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    await fs.rm(file, { force: true })
    throw fileError('write', file, error)
  }
}

/** Renames a file to a name that does not exist in the same folder, durably. */
export async function renameNew(from: string, to: string): Promise<void> {
  try {
    await fs.rename(from, to)
    await syncDirectory(path.dirname(to))
  } catch (error) {
    throw fileError('rename', to, error)
  }
}

/** Makes a name that was created, renamed or removed in this folder durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await fs.open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** What is at a path, links not followed; `undefined` when nothing is. */
export async function stat(file: string): Promise<FileStat | undefined> {
  try {
    const info = await fs.lstat(file)
    return {
      kind: kindOf(info),
      sizeBytes: info.size,
      mode: info.mode & 0o7777,
      uid: info.uid,
      gid: info.gid,
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw fileError('look at', file, error)
  }
}

/** Names in a folder, sorted; empty when it does not exist. */
export async function listDirectory(directory: string): Promise<string[]> {
  try {
    return (await fs.readdir(directory)).sort()
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return []
    throw fileError('list', directory, error)
  }
}

/** Makes a folder and its parents; nothing happens when it exists. */
export async function ensureDirectory(directory: string, mode = 0o755): Promise<void> {
  try {
    await fs.mkdir(directory, { recursive: true, mode })
  } catch (error) {
    throw fileError('make the folder', directory, error)
  }
}

/**
 * Removes a file or a whole folder; nothing happens when it does not exist. Links are not followed.
 */
export async function removePath(file: string): Promise<void> {
  try {
    await fs.rm(file, { recursive: true, force: true })
  } catch (error) {
    throw fileError('remove', file, error)
  }
}

/** Gives a file or folder another name in the same file system; replaces a file that has it. */
export async function renamePath(from: string, to: string): Promise<void> {
  try {
    await fs.rename(from, to)
  } catch (error) {
    throw fileError('rename', from, error)
  }
}

/** Makes a symbolic link. */
export async function makeLink(target: string, file: string): Promise<void> {
  try {
    await fs.symlink(target, file)
  } catch (error) {
    throw fileError('make the link', file, error)
  }
}

/** Adds text to the end of a file, created with mode 0600; for logs. */
export function appendText(file: string, text: string): void {
  try {
    appendFileSync(file, text, { mode: 0o600 })
  } catch (error) {
    throw fileError('append to', file, error)
  }
}

/** SHA-256 of a file, hex. */
export async function digestFile(file: string): Promise<string> {
  // Of Bun itself: resident programs import this file and would load node:crypto with it.
  const hash = new Bun.CryptoHasher('sha256')
  try {
    for await (const chunk of Bun.file(file).stream()) hash.update(chunk)
  } catch (error) {
    throw fileError('read', file, error)
  }
  return hash.digest('hex')
}

/** Where a path leads when every link is followed; `undefined` when it leads nowhere. */
export async function resolveLinks(file: string): Promise<string | undefined> {
  try {
    return await fs.realpath(file)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
    throw fileError('resolve', file, error)
  }
}

function kindOf(info: Awaited<ReturnType<typeof fs.lstat>>): FileStat['kind'] {
  if (info.isFile()) return 'file'
  if (info.isDirectory()) return 'directory'
  if (info.isSymbolicLink()) return 'link'
  return info.isBlockDevice() ? 'block' : 'other'
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

function fileError(verb: string, file: string, cause: unknown): OsError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  return new OsError('host', {
    code: full ? 'disk-full' : 'file-failed',
    message: `Cannot ${verb} ${file}: ${errnoReason(code)}`,
    fields: { file, errno: code },
    cause,
  })
}
