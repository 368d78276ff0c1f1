// All versions of all objects of the fake API server, as etcd keeps them: one counter, a log of
// changes, compaction, and watchers that follow the log.
import type { KubeObject } from '@kubenest/api/core/objects'

/** One write. Objects are shared and must not be changed. */
export interface StoredChange {
  readonly version: number
  readonly atMs: number
  /** `group/plural`. */
  readonly collection: string
  readonly key: string
  readonly identity: string
  /** Absent for creations. */
  readonly old?: KubeObject
  /** Absent for deletions. */
  readonly current?: KubeObject
}

/** In-memory log-structured store. */
export class ObjectStore {
  /** Every change since the start, compacted or not: invariants are checked on it. */
  readonly history: StoredChange[] = []
  readonly #objects = new Map<string, Map<string, KubeObject>>()
  readonly #listeners = new Set<(change: StoredChange) => void>()
  #version = 1
  #compacted = 0

  get version(): number {
    return this.#version
  }

  /** Changes up to this version can no longer be watched. */
  get compacted(): number {
    return this.#compacted
  }

  get(collection: string, key: string): KubeObject | undefined {
    return this.#objects.get(collection)?.get(key)
  }

  /** Objects of a collection in the order of their keys. */
  list(collection: string): KubeObject[] {
    const entries = [...(this.#objects.get(collection) ?? [])]
    return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
  }

  /** Sets (or, without an object, removes) and returns the stored version. */
  write(write: {
    collection: string
    key: string
    identity: string
    atMs: number
    object?: KubeObject
  }): KubeObject | undefined {
    const old = this.get(write.collection, write.key)
    this.#version += 1
    const resourceVersion = String(this.#version)
    const current =
      write.object === undefined
        ? undefined
        : { ...write.object, metadata: { ...write.object.metadata, resourceVersion } }
    this.#put(write.collection, write.key, current)
    const change: StoredChange = {
      version: this.#version,
      atMs: write.atMs,
      collection: write.collection,
      key: write.key,
      identity: write.identity,
      ...(old === undefined ? {} : { old }),
      ...(current === undefined ? {} : { current }),
    }
    this.history.push(change)
    for (const listener of this.#listeners) listener(change)
    return current
  }

  #put(collection: string, key: string, object: KubeObject | undefined): void {
    let objects = this.#objects.get(collection)
    if (objects === undefined) this.#objects.set(collection, (objects = new Map()))
    if (object === undefined) objects.delete(key)
    else objects.set(key, object)
  }

  /** Changes of a collection after a version, oldest first. */
  changesAfter(collection: string, version: number): StoredChange[] {
    return this.history.filter(
      (change) => change.version > version && change.collection === collection,
    )
  }

  compact(): void {
    this.#compacted = this.#version
  }

  onChange(listener: (change: StoredChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}
