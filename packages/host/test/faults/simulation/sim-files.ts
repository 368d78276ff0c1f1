// Stands in for base/files.ts: the same functions on the disk in memory.
import path from 'node:path'
import { OsError } from '@kubenest/base/errors'
import { currentDisk } from './current-disk.ts'

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'link' | 'block' | 'other'
  readonly sizeBytes: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

export async function readText(file: string): Promise<string | undefined> {
  const bytes = await readBytes(file)
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}

export async function readBytes(file: string): Promise<Buffer | undefined> {
  await currentDisk().pass()
  const content = currentDisk().present(file)
  return content === undefined ? undefined : Buffer.from(content)
}

export async function writeFile(file: string, content: string | Uint8Array): Promise<void> {
  await guarded(file, () => currentDisk().create(file, bytesOf(content)))
}

export async function replaceFile(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${crypto.randomUUID()}`)
  await guarded(file, async () => {
    const disk = currentDisk()
    try {
      await disk.create(temporary, bytesOf(content))
      await disk.sync(temporary)
      await disk.rename(temporary, file)
      await disk.syncFolder(path.dirname(file))
    } catch (error) {
      if (disk.present(temporary) !== undefined) await disk.remove(temporary)
      throw error
    }
  })
}

export async function removeLeftovers(file: string): Promise<void> {
  const prefix = path.join(path.dirname(file), `.${path.basename(file)}.`)
  for (const name of currentDisk().names()) if (name.startsWith(prefix)) await removePath(name)
}

export async function createNewFile(file: string, content: string | Uint8Array): Promise<void> {
  await guarded(file, async () => {
    await currentDisk().create(file, bytesOf(content))
    await currentDisk().sync(file)
  })
}

export async function renameNew(from: string, to: string): Promise<void> {
  await guarded(to, async () => {
    await currentDisk().rename(from, to)
    await currentDisk().syncFolder(path.dirname(to))
  })
}

export async function syncDirectory(folder: string): Promise<void> {
  await currentDisk().syncFolder(folder)
}

export async function stat(file: string): Promise<FileStat | undefined> {
  const disk = currentDisk()
  await disk.pass()
  const content = disk.present(file)
  const rest = { mode: 0o644, uid: 0, gid: 0 }
  if (content !== undefined) return { kind: 'file', sizeBytes: content.length, ...rest }
  const isFolder =
    disk.folders.has(file) || disk.names().some((name) => name.startsWith(`${file}/`))
  return isFolder ? { kind: 'directory', sizeBytes: 0, ...rest } : undefined
}

export async function listDirectory(folder: string): Promise<string[]> {
  await currentDisk().pass()
  const inside = currentDisk()
    .names()
    .filter((name) => name.startsWith(`${folder}/`))
    .map((name) => name.slice(folder.length + 1).split('/')[0] ?? '')
  return [...new Set(inside)].sort()
}

export async function ensureDirectory(folder: string): Promise<void> {
  await currentDisk().pass()
  currentDisk().folders.add(folder)
}

export async function removePath(file: string): Promise<void> {
  const inside = currentDisk()
    .names()
    .filter((name) => name === file || name.startsWith(`${file}/`))
  currentDisk().folders.delete(file)
  for (const name of inside) await guarded(name, () => currentDisk().remove(name))
}

export async function renamePath(from: string, to: string): Promise<void> {
  await guarded(to, () => currentDisk().rename(from, to))
}

export async function resolveLinks(file: string): Promise<string | undefined> {
  return (await stat(file)) === undefined ? undefined : file
}

async function guarded(file: string, task: () => Promise<void>): Promise<void> {
  try {
    await task()
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    const code = errno === 'ENOSPC' ? 'disk-full' : 'file-failed'
    throw new OsError('host', { code, message: `Cannot write ${file}: ${errno}`, cause })
  }
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content
}
