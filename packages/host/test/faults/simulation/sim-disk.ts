// A disk in memory. What was not flushed may be lost in any part, by sectors of 512 bytes; a name
// that was made is there for sure only after its folder was flushed. Every effect is told to a
// watcher before it happens, who may let it pass, let it fail, or end the program there.
import { isOver } from './life.ts'

const SECTOR_BYTES = 512

interface Inode {
  content: Uint8Array
  durable: Uint8Array
  pending: { readonly offset: number; readonly data: Uint8Array }[]
  /** A flush failed: the system takes the content for clean, and any part of it may be lost. */
  isTakenForClean?: boolean
}

interface NameChange {
  readonly path: string
  readonly inode: Inode | undefined
}

export interface Effect {
  readonly kind: 'write' | 'sync' | 'name'
  readonly path: string
}

/** What becomes of an effect. */
export type Verdict = 'pass' | 'end' | Error

/** Where contents are looked up. */
export type View = (path: string) => Uint8Array | undefined

export interface SimDisk {
  /** Asked before each effect. */
  watch: (effect: Effect) => Verdict
  /** Told after each effect. */
  after: (effect: Effect) => void
  readonly locks: Set<string>
  readonly folders: Set<string>
  /** As the running system sees it. */
  readonly present: View
  /** What is there if everything is lost that may be. */
  readonly durable: View
  names(): string[]
  /** Puts a file there, as if it had always been. */
  plant(path: string, content: Uint8Array | string): void
  /** Takes a file away, as if it had never been. */
  forget(path: string): void
  write(path: string, data: Uint8Array, offset: number): Promise<void>
  sync(path: string): Promise<void>
  /** Makes a file with this content, not yet durable. */
  create(path: string, content: Uint8Array): Promise<void>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  syncFolder(folder: string): Promise<void>
  /** Files with unflushed writes that the next flush would bring out. */
  pendingFiles(): string[]
  /** A state that a cut at this moment may leave; `chance` keeps a sector. */
  afterCut(random: () => number, chance: number): View
  /** The power goes. */
  cut(random: () => number, chance: number): void
  /** Waits as a program does; for ever when its life is over. */
  pass(): Promise<void>
}

/** Makes an empty disk. */
export function createSimDisk(): SimDisk {
  let names = new Map<string, Inode>()
  let durableNames = new Map<string, Inode>()
  let nameChanges: NameChange[] = []

  const disk: SimDisk = {
    watch: () => 'pass',
    after: () => undefined,
    locks: new Set(),
    folders: new Set(),
    present: (path) => names.get(path)?.content,
    durable: (path) => durableNames.get(path)?.durable,
    names: () => [...names.keys()],
    plant(path, content) {
      const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
      const inode = { content: bytes.slice(), durable: bytes.slice(), pending: [] }
      names.set(path, inode)
      durableNames.set(path, inode)
    },
    forget(path) {
      names.delete(path)
      durableNames.delete(path)
    },
    pass: () => (isOver() ? new Promise<never>(() => undefined) : Promise.resolve()),
    write: (path, data, offset) =>
      effect({ kind: 'write', path }, () => {
        const inode = found(path)
        inode.isTakenForClean = false
        inode.content = put(inode.content, data, offset)
        const kept = data.slice()
        for (let at = 0; at < data.length; at += SECTOR_BYTES)
          inode.pending.push({ offset: offset + at, data: kept.subarray(at, at + SECTOR_BYTES) })
      }),
    sync: (path) =>
      effect({ kind: 'sync', path }, () => {
        const inode = found(path)
        // Never changed in place.
        inode.durable = inode.content
        inode.pending = []
      }),
    create: (path, content) =>
      effect({ kind: 'name', path }, () => {
        const inode: Inode = { content: content.slice(), durable: new Uint8Array(0), pending: [] }
        for (let at = 0; at < content.length; at += SECTOR_BYTES)
          inode.pending.push({ offset: at, data: content.slice(at, at + SECTOR_BYTES) })
        name(path, inode)
      }),
    rename: (from, to) =>
      effect({ kind: 'name', path: to }, () => {
        const inode = found(from)
        name(to, inode)
        name(from, undefined)
      }),
    remove: (path) => effect({ kind: 'name', path }, () => name(path, undefined)),
    syncFolder: (folder) =>
      effect({ kind: 'sync', path: folder }, () => {
        const isInside = (change: NameChange) => change.path.startsWith(`${folder}/`)
        applyNames(durableNames, nameChanges.filter(isInside))
        nameChanges = nameChanges.filter((change) => !isInside(change))
      }),
    pendingFiles: () =>
      [...names]
        .filter(([, inode]) => inode.pending.length > 0 && inode.isTakenForClean !== true)
        .map(([path]) => path),
    afterCut(random, chance) {
      const kept = survivors(random, chance)
      return (path) => {
        const inode = kept.get(path)
        return inode === undefined ? undefined : contentAfterCut(inode, random, chance)
      }
    },
    cut(random, chance) {
      names = survivors(random, chance)
      for (const inode of names.values()) {
        inode.content = contentAfterCut(inode, random, chance)
        inode.durable = inode.content
        inode.pending = []
        inode.isTakenForClean = false
      }
      durableNames = new Map(names)
      nameChanges = []
    },
  }

  /** Names change in order: a cut keeps a beginning of what was not flushed. */
  function survivors(random: () => number, chance: number): Map<string, Inode> {
    const kept = new Map(durableNames)
    const count = random() < chance ? nameChanges.length : Math.floor(random() * nameChanges.length)
    applyNames(kept, nameChanges.slice(0, count))
    return kept
  }

  async function effect(what: Effect, change: () => void): Promise<void> {
    await disk.pass()
    const verdict = disk.watch(what)
    if (verdict === 'end') return disk.pass()
    if (verdict instanceof Error) {
      const inode = names.get(what.path)
      if (what.kind === 'sync' && inode !== undefined) inode.isTakenForClean = true
      throw verdict
    }
    change()
    disk.after(what)
    await disk.pass()
  }

  function found(path: string): Inode {
    const inode = names.get(path)
    if (inode === undefined) throw Object.assign(new Error(`ENOENT ${path}`), { code: 'ENOENT' })
    return inode
  }

  function name(path: string, inode: Inode | undefined): void {
    const change = { path, inode }
    applyNames(names, [change])
    nameChanges.push(change)
  }

  return disk
}

function applyNames(names: Map<string, Inode>, changes: readonly NameChange[]): void {
  for (const { path, inode } of changes)
    if (inode === undefined) names.delete(path)
    else names.set(path, inode)
}

function contentAfterCut(inode: Inode, random: () => number, chance: number): Uint8Array {
  if (inode.pending.length === 0) return inode.content
  const content = new Uint8Array(Math.max(inode.durable.length, inode.content.length))
  content.set(inode.durable)
  let length = inode.durable.length
  for (const { offset, data } of inode.pending) {
    if (random() >= chance) continue
    content.set(data, offset)
    length = Math.max(length, offset + data.length)
  }
  return content.subarray(0, length)
}

function put(content: Uint8Array, data: Uint8Array, offset: number): Uint8Array {
  const end = offset + data.length
  const next = new Uint8Array(Math.max(content.length, end))
  next.set(content)
  next.set(data, offset)
  return next
}
