// List-watch cache of one kind that never goes silent (product decision D3).
import type { KubeObject } from '@kubenest/api/core/objects'
import type { Clock } from '@kubenest/base/clock'
import type { Logger } from '@kubenest/base/log'
import type { KubeClient, Resource } from '../client/kube-client.ts'

/** What changed in the cache. `old` is absent for additions, `current` for deletions. */
export interface CacheChange<T> {
  readonly old?: T
  readonly current?: T
}

export interface InformerOptions<T extends KubeObject> {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
  readonly resource: Resource<T>
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** Keeps only the fields that are read; called once per object as it arrives. */
  readonly trim?: (object: T) => T
  /** Named functions from an object to its index keys. */
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>
  /** Page size of lists. @defaultValue 50 */
  readonly pageSize?: number
  /** A watch without a byte for this long is broken off and resumed. @defaultValue 90000 */
  readonly stallMs?: number
}

/** Read side of an informer. Keys are `namespace/name`, or `name` for cluster-scoped kinds. */
export interface Cache<T> {
  get(key: string): T | undefined
  list(): T[]
  /** Objects whose index function returned `value`. */
  byIndex(index: string, value: string): T[]
}
