// Objects of one kind by key, with indexes. Writes give the change, so that listeners see old and
// new.
import type { KubeObject } from '@kubenest/api/core/objects'
import { assert } from '@kubenest/base/assert'
import { objectKey } from '../object-key.ts'

/** Named functions from an object to its index keys. */
export type Indexes<T> = Readonly<Record<string, (object: T) => readonly string[]>>

/** Read and write side of an informer's cache. */
export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<string, T>()
  readonly #buckets = new Map<string, Map<string, Set<string>>>()
  readonly #indexes: Indexes<T>

  constructor(indexes: Indexes<T>) {
    this.#indexes = indexes
    for (const name of Object.keys(indexes)) this.#buckets.set(name, new Map())
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  list(): T[] {
    return [...this.#objects.values()]
  }

  keys(): string[] {
    return [...this.#objects.keys()]
  }

  byIndex(index: string, value: string): T[] {
    const buckets = this.#buckets.get(index)
    assert(buckets !== undefined, `index ${index} was not declared`)
    const found: T[] = []
    for (const key of buckets.get(value) ?? []) {
      const object = this.#objects.get(key)
      if (object !== undefined) found.push(object)
    }
    return found
  }

  /** Sets an object and returns the one it replaces. */
  put(object: T): T | undefined {
    const key = objectKey(object)
    const old = this.remove(key)
    this.#objects.set(key, object)
    for (const [name, keysOf] of Object.entries(this.#indexes))
      for (const value of keysOf(object)) this.#bucket(name, value).add(key)
    return old
  }

  /** Removes an object and returns it. */
  remove(key: string): T | undefined {
    const old = this.#objects.get(key)
    if (old === undefined) return undefined
    this.#objects.delete(key)
    for (const [name, keysOf] of Object.entries(this.#indexes))
      for (const value of keysOf(old)) this.#leave(name, value, key)
    return old
  }

  #bucket(name: string, value: string): Set<string> {
    const buckets = this.#buckets.get(name)
    assert(buckets !== undefined, `index ${name} was not declared`)
    let bucket = buckets.get(value)
    if (bucket === undefined) buckets.set(value, (bucket = new Set()))
    return bucket
  }

  #leave(name: string, value: string, key: string): void {
    const bucket = this.#bucket(name, value)
    bucket.delete(key)
    if (bucket.size === 0) this.#buckets.get(name)?.delete(value)
  }
}
