// An API server in memory with the semantics that the product relies on, and hooks that make it
// fail. The contract suite of the client runs over it and over the real one, so that it cannot
// drift.
import type { KubeObject, Pod } from '@kubenest/api/core/objects'
import { OS_GROUP } from '@kubenest/api/os/names'
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import type {
  EvictionResult,
  KubeClient,
  ListOptions,
  ListPage,
  ObjectRef,
  Patch,
  Resource,
  WatchEvent,
  WatchOptions,
} from '@kubenest/kube/client/kube-client'
import { BUDGETS, PODS } from '@kubenest/kube/client/resources'
import { selects } from '@kubenest/kube/drain/blockers'
import { objectKey } from '@kubenest/kube/object-key'
import { cloneJson } from './clone-json.ts'
import { conflict, forbidden, gone, notFound, unavailable } from './fake-errors.ts'
import { applyPatch, isEqual } from './fake-patch.ts'
import type { FakeRequest, FakeRules } from './fake-rbac.ts'
import { matchesSelectors } from './fake-selectors.ts'
import { FakeWatch } from './fake-watch.ts'
import { ObjectStore } from './object-store.ts'

/** What happens to one request. `fail-after`: a write is applied, and the answer is lost. */
export type FakeFault = 'none' | 'fail-before' | 'fail-after'

export interface FakeApiServerOptions {
  readonly clock: Clock
  /** Asked for each request, in order; the simulator answers from its seed. */
  readonly fault?: (request: FakeRequest) => FakeFault
  /** Time that each request takes, milliseconds. @defaultValue none */
  readonly delayMs?: (request: FakeRequest) => number
  /** Lag of each watch event, milliseconds: informers see the past. @defaultValue none */
  readonly watchLagMs?: () => number
  /**
   * Status as the installed CRD keeps it: upstream's prunes what it does not know, to `{}`.
   * @defaultValue unchanged
   */
  readonly pruneStatus?: (plural: string, status: unknown) => object | undefined
}

/** Who a client is, and what it may do. */
export interface FakeIdentity {
  readonly name: string
  /** @defaultValue everything */
  readonly rules?: FakeRules
}

const WITH_STATUS: ReadonlySet<string> = new Set(['nodes', 'pods', 'poddisruptionbudgets'])

/** The fake API server; clients come from {@link FakeApiServer.client}. */
export class FakeApiServer {
  readonly store = new ObjectStore()
  readonly #options: FakeApiServerOptions
  readonly #watches = new Set<FakeWatch>()
  readonly #snapshots = new Map<string, Snapshot>()
  #ids = 0

  constructor(options: FakeApiServerOptions) {
    this.#options = options
  }

  /** A client with that identity. */
  client(identity: FakeIdentity = { name: 'admin' }): KubeClient {
    return {
      get: (resource, ref, options) =>
        this.#serve(identity, request('get', resource, ref), options?.signal, () =>
          this.#get(resource, ref),
        ),
      list: (resource, options) =>
        this.#serve(identity, request('list', resource, options), options?.signal, () =>
          this.#list(resource, options ?? {}),
        ),
      watch: (resource, options) => this.#watch(identity, resource, options),
      create: (resource, object, options) =>
        this.#serve(identity, request('create', resource, object.metadata), options?.signal, () =>
          this.#create(identity, resource, object),
        ),
      replace: (resource, object, options) => {
        const what = request('update', resource, object.metadata, options?.subresource)
        return this.#serve(identity, what, options?.signal, () =>
          this.#update(identity, resource, object.metadata, () => object, options?.subresource),
        )
      },
      patch: (resource, ref, patch, options) => {
        const what = request('patch', resource, ref, options?.subresource)
        return this.#serve(identity, what, options?.signal, () => {
          refuseStrategic(resource, patch)
          const change = <T>(old: T) => applyPatch(old as object, patch) as T
          return this.#update(identity, resource, ref, change, options?.subresource)
        })
      },
      delete: (resource, ref, options) =>
        this.#serve(identity, request('delete', resource, ref), options?.signal, () => {
          const old = this.#find(resource, ref)
          if (old === undefined) return
          checkPreconditions(resource, old, options ?? {})
          this.#delete(identity, resource, old)
        }),
      evict: (ref, options) =>
        this.#serveEviction(identity, ref, options?.signal, () =>
          this.#evict(identity, ref, options ?? {}),
        ),
    }
  }

  /** Breaks every open watch: with an error, or, without one, by an orderly end. */
  dropWatches(error?: Error): void {
    for (const watch of this.#watches) watch.end(error)
  }

  /** Makes every open watch half-open: no byte and no end. */
  silenceWatches(): void {
    for (const watch of this.#watches) watch.silence()
  }

  /** Forgets old versions: older watches and lists under way get 410. */
  compact(): void {
    this.store.compact()
    this.#snapshots.clear()
  }

  /** Ends a pod's life as its kubelet would, whether or not it was deleted before. */
  finishPod(ref: Required<ObjectRef>): void {
    const pod = this.#find(PODS, ref)
    if (pod !== undefined) this.#write('kubelet', PODS, objectKey(pod), undefined)
  }

  get openWatches(): number {
    return this.#watches.size
  }

  async #serve<R>(
    identity: FakeIdentity,
    what: Omit<FakeRequest, 'identity'>,
    signal: AbortSignal | undefined,
    act: () => R,
  ): Promise<R> {
    const asked: FakeRequest = { ...what, identity: identity.name }
    const fault = await this.#admit(identity, asked, signal)
    const result = cloneJson(act())
    if (fault === 'fail-after') throw unavailable(asked, 'the connection broke before the answer')
    return result
  }

  /** Lets a request in, or throws: faults first, as the network comes before the server. */
  async #admit(
    identity: FakeIdentity,
    asked: FakeRequest,
    signal: AbortSignal | undefined,
  ): Promise<FakeFault> {
    signal?.throwIfAborted()
    const delayMs = this.#options.delayMs?.(asked) ?? 0
    if (delayMs > 0) await this.#options.clock.sleep(delayMs, signal)
    else await Promise.resolve()
    const fault = this.#options.fault?.(asked) ?? 'none'
    if (fault === 'fail-before') throw unavailable(asked, 'the connection was refused')
    if (identity.rules?.(asked) === false) throw forbidden(asked)
    return fault
  }

  async #serveEviction(
    identity: FakeIdentity,
    ref: Required<ObjectRef>,
    signal: AbortSignal | undefined,
    act: () => EvictionResult,
  ): Promise<EvictionResult> {
    try {
      return await this.#serve(identity, request('create', PODS, ref, 'eviction'), signal, act)
    } catch (error) {
      if (error instanceof OsError && error.code === 'kube-forbidden')
        return { outcome: 'forbidden', message: error.message }
      throw error
    }
  }

  #find<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef): T | undefined {
    const key = objectKey({ metadata: { name: ref.name, ...scopeOf(resource, ref) } })
    return this.store.get(collectionOf(resource), key) as T | undefined
  }

  #get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef): T | undefined {
    return this.#find(resource, ref)
  }

  #list<T extends KubeObject>(resource: Resource<T>, options: ListOptions): ListPage<T> {
    const snapshot = this.#snapshotFor(resource, options)
    const limit = options.limit ?? 50
    const items = (limit === 0 ? snapshot.rest : snapshot.rest.slice(0, limit)) as T[]
    const rest = limit === 0 ? [] : snapshot.rest.slice(limit)
    const resourceVersion = String(snapshot.version)
    if (rest.length === 0) return { items, resourceVersion }
    const token = `page-${(this.#ids += 1)}`
    this.#snapshots.set(token, { version: snapshot.version, rest })
    return { items, resourceVersion, continue: token }
  }

  #snapshotFor<T extends KubeObject>(resource: Resource<T>, options: ListOptions): Snapshot {
    if (options.continue !== undefined) {
      const snapshot = this.#snapshots.get(options.continue)
      if (snapshot === undefined) throw gone('list', resource)
      return snapshot
    }
    const rest = this.store
      .list(collectionOf(resource))
      .filter(
        (object) =>
          (options.namespace === undefined || object.metadata.namespace === options.namespace) &&
          matchesSelectors(object, options),
      )
    return { version: this.store.version, rest }
  }

  async *#watch<T extends KubeObject>(
    identity: FakeIdentity,
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const asked = { ...request('watch', resource, options), identity: identity.name }
    await this.#admit(identity, asked, options.signal)
    if (Number(options.resourceVersion) < this.store.compacted) throw gone('watch', resource)
    const watch = new FakeWatch({
      store: this.store,
      clock: this.#options.clock,
      collection: collectionOf(resource),
      options,
      lagMs: this.#options.watchLagMs ?? (() => 0),
    })
    this.#watches.add(watch)
    try {
      yield* watch.events() as AsyncGenerator<WatchEvent<T>>
    } finally {
      this.#watches.delete(watch)
    }
  }

  #create<T extends KubeObject>(identity: FakeIdentity, resource: Resource<T>, object: T): T {
    if (this.#find(resource, object.metadata) !== undefined)
      throw conflict(resource, object.metadata, 'AlreadyExists', 'it already exists')
    const metadata = {
      ...object.metadata,
      ...scopeOf(resource, object.metadata),
      uid: this.#newUid(),
      creationTimestamp: this.#timestamp(),
      ...(resource.group === OS_GROUP ? { generation: 1 } : {}),
    }
    const { status: _ignored, ...withoutStatus } = object as T & { status?: unknown }
    const kept = resource.group === OS_GROUP ? withoutStatus : object
    const stored = { ...typeOf(resource), ...cloneJson(kept), metadata } as unknown as T
    return this.#write(identity.name, resource, objectKey(stored), stored) as T
  }

  #update<T extends KubeObject>(
    identity: FakeIdentity,
    resource: Resource<T>,
    ref: ObjectRef,
    change: (old: T) => T,
    subresource: 'status' | undefined,
  ): T {
    const old = this.#find(resource, ref)
    if (old === undefined) throw notFound(resource, ref)
    const wanted = cloneJson(change(cloneJson(old)))
    checkPreconditions(resource, old, wanted.metadata)
    const merged = this.#merge(resource, old, wanted, subresource)
    if (isEqual(merged, old)) return old
    const { finalizers = [], deletionTimestamp } = merged.metadata
    const isFreed = deletionTimestamp !== undefined && finalizers.length === 0
    const isPod = resource.plural === PODS.plural
    this.#write(identity.name, resource, objectKey(old), isFreed && !isPod ? undefined : merged)
    return this.#find(resource, ref) ?? merged
  }

  /**
   * What a write may change: `status` alone through its subresource, and everything else without
   * it.
   */
  #merge<T extends KubeObject>(
    resource: Resource<T>,
    old: T,
    wanted: T,
    subresource: 'status' | undefined,
  ): T {
    const { uid, resourceVersion, creationTimestamp, generation, deletionTimestamp } = old.metadata
    const fixed = { uid, resourceVersion, creationTimestamp, generation, deletionTimestamp }
    const oldStatus = (old as { status?: unknown }).status
    const newStatus = (wanted as { status?: unknown }).status
    if (subresource === 'status') {
      const { pruneStatus } = this.#options
      return withStatus(old, pruneStatus?.(resource.plural, newStatus) ?? newStatus)
    }
    const hasStatus = resource.group === OS_GROUP || WITH_STATUS.has(resource.plural)
    const metadata = {
      ...wanted.metadata,
      ...scopeOf(resource, old.metadata),
      ...dropUndefined(fixed),
    }
    const merged = withStatus({ ...wanted, metadata }, hasStatus ? oldStatus : newStatus)
    const isNewSpec = resource.group === OS_GROUP && !isEqual(specOf(merged), specOf(old))
    if (isNewSpec) merged.metadata.generation = (generation ?? 0) + 1
    return merged
  }

  #delete<T extends KubeObject>(identity: FakeIdentity, resource: Resource<T>, old: T): void {
    const isRunningPod =
      resource.plural === PODS.plural && (old as Pod).spec?.nodeName !== undefined
    const isHeld = (old.metadata.finalizers ?? []).length > 0 || isRunningPod
    if (!isHeld) return void this.#write(identity.name, resource, objectKey(old), undefined)
    if (old.metadata.deletionTimestamp !== undefined) return
    const metadata = { ...old.metadata, deletionTimestamp: this.#timestamp() }
    this.#write(identity.name, resource, objectKey(old), { ...old, metadata })
  }

  #evict(
    identity: FakeIdentity,
    ref: Required<ObjectRef>,
    options: { uid?: string; dryRun?: boolean },
  ): EvictionResult {
    const pod = this.#find(PODS, ref)
    if (pod === undefined || (options.uid !== undefined && pod.metadata.uid !== options.uid))
      return { outcome: 'gone' }
    const isFinished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
    const isLeaving = isFinished || pod.metadata.deletionTimestamp !== undefined
    const refusal = isLeaving
      ? undefined
      : this.#spendBudget(identity, pod, options.dryRun === true)
    if (refusal !== undefined) return refusal
    if (options.dryRun !== true) this.#delete(identity, PODS, pod)
    return { outcome: 'evicted' }
  }

  #spendBudget(identity: FakeIdentity, pod: Pod, dryRun: boolean): EvictionResult | undefined {
    const budgets = this.store
      .list(collectionOf(BUDGETS))
      .filter((budget) => budget.metadata.namespace === pod.metadata.namespace)
      .filter((budget) => selects(budget, pod))
    const budget = this.#find(BUDGETS, budgets[0]?.metadata ?? { name: '' })
    if (budget === undefined) return undefined
    if (budgets.length > 1) return { outcome: 'broken', message: TWO_BUDGETS }
    const allowed = budget.status?.disruptionsAllowed ?? 0
    if (allowed <= 0) return { outcome: 'refused', message: refusalText(budget.metadata.name) }
    if (!dryRun) {
      const spent = withStatus(budget, { ...budget.status, disruptionsAllowed: allowed - 1 })
      this.#write(identity.name, BUDGETS, objectKey(budget), spent)
    }
    return undefined
  }

  #write<T extends KubeObject>(
    identity: string,
    resource: Resource<T>,
    key: string,
    object: T | undefined,
  ): KubeObject | undefined {
    const collection = collectionOf(resource)
    const atMs = this.#options.clock.nowMs()
    return this.store.write({
      collection,
      key,
      identity,
      atMs,
      ...(object === undefined ? {} : { object }),
    })
  }

  #newUid(): string {
    return `00000000-0000-4000-8000-${String((this.#ids += 1)).padStart(12, '0')}`
  }

  #timestamp(): string {
    return new Date(this.#options.clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z')
  }
}

interface Snapshot {
  readonly version: number
  readonly rest: readonly KubeObject[]
}

const TWO_BUDGETS =
  'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'

function refusalText(budget: string): string {
  return `Cannot evict pod as it would violate the pod's disruption budget. The disruption budget ${budget} needs more healthy pods than it has currently`
}

/** Name of a kind in {@link ObjectStore}. */
export function collectionOf<T extends KubeObject>(resource: Resource<T>): string {
  return `${resource.group}/${resource.plural}`
}

function request<T extends KubeObject>(
  verb: FakeRequest['verb'],
  resource: Resource<T>,
  ref: { readonly name?: string; readonly namespace?: string } = {},
  subresource?: string,
): Omit<FakeRequest, 'identity'> {
  return {
    verb,
    group: resource.group,
    resource: subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`,
    ...(ref.name === undefined ? {} : { name: ref.name }),
    ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
  }
}

function typeOf<T extends KubeObject>(resource: Resource<T>): { apiVersion: string; kind: string } {
  const group = resource.group === '' ? '' : `${resource.group}/`
  return { apiVersion: `${group}${resource.version}`, kind: resource.kind }
}

function scopeOf<T extends KubeObject>(
  resource: Resource<T>,
  ref: { readonly namespace?: string },
): { namespace?: string } {
  return resource.namespaced && ref.namespace !== undefined ? { namespace: ref.namespace } : {}
}

function specOf(object: KubeObject): unknown {
  return (object as { spec?: unknown }).spec
}

function withStatus<T extends KubeObject>(object: T, status: unknown): T {
  const { status: _old, ...rest } = object as T & { status?: unknown }
  return (status === undefined ? rest : { ...rest, status }) as T
}

function dropUndefined<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as Partial<T>
}

function checkPreconditions<T extends KubeObject>(
  resource: Resource<T>,
  old: T,
  wanted: { readonly uid?: string; readonly resourceVersion?: string },
): void {
  for (const field of ['uid', 'resourceVersion'] as const)
    if (
      wanted[field] !== undefined &&
      wanted[field] !== '' &&
      wanted[field] !== old.metadata[field]
    )
      throw conflict(resource, old.metadata, 'Conflict', `its ${field} is ${old.metadata[field]}`)
}

function refuseStrategic<T extends KubeObject>(resource: Resource<T>, patch: Patch): void {
  if (patch.type !== 'strategic' || resource.group !== OS_GROUP) return
  throw new OsError('invalid', {
    code: 'kube-invalid',
    message: `Cannot patch ${resource.kind}: custom resources take no strategic patch`,
  })
}
