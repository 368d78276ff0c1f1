// The Kubernetes API as this product uses it. Two implementations: the real one over fetch
// (client/fetch-client.ts) and the simulator's. One contract suite runs against both.
import type { KubeObject } from '@kubenest/api/core/objects'

/** A resource kind, typed by its object. */
export interface Resource<T extends KubeObject> {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  /** Carries the object type; never present at run time. */
  readonly _object?: T
}

/** Names an object; `namespace` is required for namespaced kinds. */
export interface ObjectRef {
  readonly name: string
  readonly namespace?: string
}

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** Page size. @defaultValue 50 */
  readonly limit?: number
  readonly continue?: string
  readonly signal?: AbortSignal
}

/** One page of a list. */
export interface ListPage<T> {
  readonly items: T[]
  readonly resourceVersion: string
  /** Token of the next page, absent on the last. */
  readonly continue?: string
}

export interface WatchOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly resourceVersion: string
  readonly signal?: AbortSignal
}

/**
 * One line of a watch. `BOOKMARK` carries only a resource version. Code 410 arrives as an OsError
 * `kube-gone`.
 */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: T
}

/**
 * Kind and body of a patch. `resourceVersion`, when wanted, stands in the body's metadata (merge)
 * or a test op (json).
 */
export type Patch =
  | { readonly type: 'merge'; readonly body: object }
  | { readonly type: 'strategic'; readonly body: object }
  | { readonly type: 'json'; readonly body: readonly JsonPatchOperation[] }

/** One operation of a JSON patch (RFC 6902), of the kinds that are used. */
export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'test'
  readonly path: string
  readonly value?: unknown
}

export interface WriteOptions {
  readonly subresource?: 'status'
  readonly signal?: AbortSignal
}

export interface DeleteOptions {
  readonly uid?: string
  readonly resourceVersion?: string
  readonly signal?: AbortSignal
  /**
   * Only a kubelet passes 0: it removes a pod that has ended. @defaultValue the object's own
   */
  readonly gracePeriodSeconds?: number
}

/** Answer of an eviction. */
export type EvictionResult =
  | { readonly outcome: 'evicted' }
  /** The pod is gone, or is another one by UID. */
  | { readonly outcome: 'gone' }
  /** 429: a budget does not allow it now. */
  | { readonly outcome: 'refused'; readonly message: string; readonly retryAfterMs?: number }
  /** 500: two budgets match, or another misconfiguration. */
  | { readonly outcome: 'broken'; readonly message: string }
  | { readonly outcome: 'forbidden'; readonly message: string }

/**
 * Typed requests. Every method rejects with an OsError:
 * `kube-not-found` (invalid), `kube-conflict` (transient: resource version or existing name, see
 * `fields.reason`),
 * `kube-forbidden` (blocked), `kube-unauthorized` (blocked), `kube-invalid` (invalid, 400 and 422),
 * `kube-gone` (transient, 410), `kube-throttled` (transient, 429 with retryAfterMs),
 * `kube-unavailable` (transient: 5xx, refused or broken connections, time-outs), `kube-tls` (host:
 * the server cannot be trusted).
 */
export interface KubeClient {
  /** `undefined` when it does not exist. */
  get<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    options?: { signal?: AbortSignal },
  ): Promise<T | undefined>
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ListPage<T>>
  /**
   * Ends when the server closes the stream; throws on errors; the caller resumes from its last
   * version.
   */
  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>>
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>
  /** PUT; conditional when the object holds a resource version. */
  replace<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options?: WriteOptions,
  ): Promise<T>
  patch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T>
  /** Succeeds when the object is already gone. */
  delete<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    options?: DeleteOptions,
  ): Promise<void>
  evict(
    ref: Required<ObjectRef>,
    options?: { uid?: string; dryRun?: boolean; signal?: AbortSignal },
  ): Promise<EvictionResult>
}
