// Our own writes, until the watch has brought them: without this a reconcile right after a write
// would plan from the past, and be refused by the resource version it holds.
import type { KubeObject } from '@kubenest/api/core/objects'

const REMEMBERED_MAX = 5000
const OLDER_MAX = 20

/** See {@link createWriteOverlay}. */
export interface WriteOverlay<T extends KubeObject> {
  /**
   * The written object while the cache still holds what was there before the write; else the cached
   * one.
   */
  resolve(key: string, cached: T | undefined): T | undefined
  /**
   * Keeps what the server answered. `replacedVersion` is the version that the write was conditional
   * on.
   */
  remember(key: string, replacedVersion: string, written: T): void
}

interface Write<T> {
  /** Versions that are older than the written one: a cache that shows one of them is behind. */
  older: string[]
  written: T
}

/** Makes an empty overlay. */
export function createWriteOverlay<T extends KubeObject>(): WriteOverlay<T> {
  const writes = new Map<string, Write<T>>()
  return {
    resolve: (key, cached) => {
      const write = writes.get(key)
      if (write === undefined) return cached
      const version = cached?.metadata.resourceVersion
      if (version !== undefined && write.older.includes(version)) return write.written
      writes.delete(key)
      return cached
    },
    remember: (key, replacedVersion, written) => {
      const before = writes.get(key)
      const older = before?.written.metadata.resourceVersion === replacedVersion ? before.older : []
      if (writes.size >= REMEMBERED_MAX) writes.clear()
      writes.set(key, { older: [...older, replacedVersion].slice(-OLDER_MAX), written })
    },
  }
}
