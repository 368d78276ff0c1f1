// List-watch cache of one kind that never goes silent (product decision D3): list in pages, watch
// from that version, resume after a break, list again when the version is gone, break off a watch
// without a byte. Only the signal ends it.
import type { KubeObject } from '@kubenest/api/core/objects'
import type { Clock } from '@kubenest/base/clock'
import { OsError, isOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import { backOffMs } from '../back-off.ts'
import type { KubeClient, Resource, WatchEvent } from '../client/kube-client.ts'
import { objectKey } from '../object-key.ts'
import { createInterner } from './intern.ts'
import { type Indexes, ObjectCache } from './object-cache.ts'

const PAGE_SIZE = 50
const STALL_MS = 90_000
/** A change that comes this soon after a silent watch was opened again had been waiting. */
const WAITED_MS = 1_000
const PAUSE = { minMs: 200, maxMs: 30_000 }
const POLLS_PER_WATCH_TRY = 20
/**
 * An API server that has just started refuses everything for a moment: six seconds are believed.
 */
const WATCH_REFUSALS_MAX = 6

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
  readonly indexes?: Indexes<T>
  /** Page size of lists. @defaultValue 50 */
  readonly pageSize?: number
  /** A watch without a byte for this long is broken off and resumed. @defaultValue 90000 */
  readonly stallMs?: number
  /** Lists this often where watching is forbidden, milliseconds; absent: keeps trying to watch. */
  readonly pollMs?: number
  /** Source of jitter, 0 to 1. @defaultValue Math.random */
  readonly random?: () => number
}

/** Read side of an informer. Keys are `namespace/name`, or `name` for cluster-scoped kinds. */
export interface Cache<T> {
  get(key: string): T | undefined
  list(): T[]
  /** Objects whose index function returned `value`. */
  byIndex(index: string, value: string): T[]
}

/** See {@link createInformer}. */
export interface Informer<T> {
  readonly cache: Cache<T>
  /** True once the first list is complete. */
  hasSynced(): boolean
  /** Resolves when the first list is complete; rejects when `run` ends before. */
  readonly synced: Promise<void>
  /** Calls the listener after each change of the cache, in order. Listeners must not throw. */
  onChange(listener: (change: CacheChange<T>) => void): void
  /** Keeps the cache right until the signal; never rejects. Call once. */
  run(signal: AbortSignal): Promise<void>
}

interface State<T extends KubeObject> {
  readonly options: InformerOptions<T>
  readonly cache: ObjectCache<T>
  readonly listeners: ((change: CacheChange<T>) => void)[]
  readonly intern: (object: KubeObject) => void
  readonly onSynced: () => void
  /** Version to watch from; absent: list first. */
  version?: string | undefined
  /** Failures in a row, for the pause and so that a long outage is one warning. */
  failures: number
  /** When a watch was last opened after a silent one, until its first change. */
  reopenedMs?: number | undefined
  /** Refused watches in a row. */
  watchRefusals: number
  pollsLeft: number
  saidPolling: boolean
}

/** Makes an informer; listeners are to be added before `run`. */
export function createInformer<T extends KubeObject>(options: InformerOptions<T>): Informer<T> {
  const synced = Promise.withResolvers<void>()
  // Nobody has to await it.
  synced.promise.catch(() => {})
  let hasSynced = false
  const state: State<T> = {
    options,
    cache: new ObjectCache(options.indexes ?? {}),
    listeners: [],
    intern: createInterner(),
    onSynced: () => {
      hasSynced = true
      synced.resolve()
    },
    failures: 0,
    watchRefusals: 0,
    pollsLeft: 0,
    saidPolling: false,
  }
  return {
    cache: state.cache,
    hasSynced: () => hasSynced,
    synced: synced.promise,
    onChange: (listener) => void state.listeners.push(listener),
    run: async (signal) => {
      await run(state, signal)
      synced.reject(new OsError('blocked', { code: 'cancelled', message: STOPPED_MESSAGE }))
    },
  }
}

const STOPPED_MESSAGE = 'Cannot fill the cache: the informer was stopped'

async function run<T extends KubeObject>(state: State<T>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      if (state.version === undefined) await relist(state, signal)
      if (state.pollsLeft === 0) await follow(state, signal)
    } catch (error) {
      if (signal.aborted) return
      onFailure(state, error)
    }
    await rest(state, signal)
  }
}

async function rest<T extends KubeObject>(state: State<T>, signal: AbortSignal): Promise<void> {
  const { clock, pollMs, random } = state.options
  const pauseMs = backOffMs(PAUSE, Math.max(0, state.failures - 1), random ?? Math.random)
  const isPolling = state.pollsLeft > 0 && state.failures === 0 && pollMs !== undefined
  try {
    await clock.sleep(isPolling ? pollMs : pauseMs, signal)
  } catch {
    // Aborted: the loop of `run` ends by itself.
  }
  if (!isPolling) return
  state.pollsLeft -= 1
  state.version = undefined
}

function onFailure<T extends KubeObject>(state: State<T>, error: unknown): void {
  const { log, resource } = state.options
  const fields = {
    kind: resource.kind,
    error: error instanceof Error ? error.message : String(error),
  }
  if (isOsError(error, 'kube-gone')) {
    state.version = undefined
    state.failures += 1
    log.debug('The watched version is gone; lists again', fields)
    return
  }
  if (isOsError(error, 'watch-silent')) return onSilence(state, fields)
  // A refused first list is no watch, and is treated like any other failure.
  if (isOsError(error, 'watch-forbidden')) return onWatchRefused(state, fields)
  state.failures += 1
  if (state.failures === 1) log.warn('Cannot list or watch yet', fields)
  else log.debug('Cannot list or watch yet', fields)
}

/**
 * A cluster in which nothing changes may send nothing at all, not even bookmarks: that is no
 * failure and earns no pause, or the next change would wait for it. Nor is it news: such a cluster
 * would say so for ever. What is said is a change that silence has hidden, see `tellLateChange`.
 */
function onSilence<T extends KubeObject>(state: State<T>, fields: Record<string, string>): void {
  state.failures = 0
  state.reopenedMs = state.options.clock.monotonicMs()
  state.options.log.debug('A watch was silent; opens it again', fields)
}

/** Silence that hid changes was a dead connection: a person on the network wants to know. */
function tellLateChange<T extends KubeObject>(state: State<T>): void {
  const { clock, log, resource, stallMs } = state.options
  if (state.reopenedMs === undefined) return
  const sinceMs = clock.monotonicMs() - state.reopenedMs
  state.reopenedMs = undefined
  if (sinceMs > WAITED_MS) return
  const fields = { kind: resource.kind, lateMsMax: stallMs ?? STALL_MS }
  log.info('Changes came late: the watch before was silent', fields)
}

/** Lists meanwhile, so that nothing is missed whatever comes of it. */
function onWatchRefused<T extends KubeObject>(
  state: State<T>,
  fields: Record<string, string>,
): void {
  state.watchRefusals += 1
  if (state.watchRefusals >= WATCH_REFUSALS_MAX) return startPolling(state, fields)
  state.version = undefined
  state.failures = state.watchRefusals
  state.options.log.debug('Watching is refused; tries again', fields)
}

function startPolling<T extends KubeObject>(state: State<T>, fields: Record<string, string>): void {
  state.pollsLeft = POLLS_PER_WATCH_TRY
  state.failures = 0
  if (state.saidPolling) return
  state.saidPolling = true
  state.options.log.warn('Watching is not allowed; lists at intervals instead', {
    ...fields,
    pollMs: state.options.pollMs,
  })
}

/** Lists everything page by page; what the list does not name is deleted from the cache. */
async function relist<T extends KubeObject>(state: State<T>, signal: AbortSignal): Promise<void> {
  const { client, resource, pageSize, namespace, labelSelector, fieldSelector } = state.options
  const listed = new Set<string>()
  let token: string | undefined
  let version: string
  do {
    const page = await client.list(resource, {
      limit: pageSize ?? PAGE_SIZE,
      signal,
      ...scope(namespace, labelSelector, fieldSelector),
      ...(token === undefined ? {} : { continue: token }),
    })
    for (const object of page.items) {
      listed.add(objectKey(object))
      accept(state, object)
    }
    version = page.resourceVersion
    token = page.continue
  } while (token !== undefined)
  for (const key of state.cache.keys()) if (!listed.has(key)) drop(state, key)
  state.version = version
  state.failures = 0
  state.onSynced()
}

/** Watches from the last version until the stream ends, fails or falls silent. */
async function follow<T extends KubeObject>(state: State<T>, signal: AbortSignal): Promise<void> {
  const { client, resource, namespace, labelSelector, fieldSelector } = state.options
  const stall = createStallTimer(state, signal)
  try {
    const events = client.watch(resource, {
      resourceVersion: state.version ?? '',
      signal: stall.signal,
      ...scope(namespace, labelSelector, fieldSelector),
    })
    for await (const event of events) {
      stall.touch()
      state.failures = 0
      if (event.type !== 'BOOKMARK') tellLateChange(state)
      state.watchRefusals = 0
      apply(state, event)
    }
  } catch (error) {
    if (state.options.pollMs !== undefined && isOsError(error, 'kube-forbidden'))
      throw new OsError('blocked', {
        code: 'watch-forbidden',
        message: error.message,
        cause: error,
      })
    throw error
  } finally {
    stall.cancel()
  }
}

/**
 * A half-open connection gives neither bytes nor an end; bookmarks come each minute, so silence is
 * a break.
 */
function createStallTimer<T extends KubeObject>(state: State<T>, signal: AbortSignal) {
  const { clock, resource } = state.options
  const stallMs = state.options.stallMs ?? STALL_MS
  const silence = new AbortController()
  const error = new OsError('transient', {
    code: 'watch-silent',
    message: `Cannot go on watching ${resource.plural}: no byte came for ${stallMs} ms`,
  })
  const start = () => clock.schedule(stallMs, () => silence.abort(error))
  let cancel = start()
  return {
    signal: AbortSignal.any([signal, silence.signal]),
    cancel: () => cancel(),
    touch: () => {
      cancel()
      cancel = start()
    },
  }
}

function apply<T extends KubeObject>(state: State<T>, event: WatchEvent<T>): void {
  if (event.type === 'DELETED') drop(state, objectKey(event.object))
  else if (event.type !== 'BOOKMARK') accept(state, event.object)
  state.version = event.object.metadata.resourceVersion ?? state.version
}

function accept<T extends KubeObject>(state: State<T>, object: T): void {
  const known = state.cache.get(objectKey(object))
  if (known !== undefined && isSameVersion(known, object)) return
  const kept = state.options.trim?.(object) ?? object
  state.intern(kept)
  const old = state.cache.put(kept)
  emit(state, old === undefined ? { current: kept } : { old, current: kept })
}

function isSameVersion(known: KubeObject, object: KubeObject): boolean {
  const { uid, resourceVersion } = known.metadata
  return (
    resourceVersion !== undefined &&
    resourceVersion === object.metadata.resourceVersion &&
    uid === object.metadata.uid
  )
}

function drop<T extends KubeObject>(state: State<T>, key: string): void {
  const old = state.cache.remove(key)
  if (old !== undefined) emit(state, { old })
}

function emit<T extends KubeObject>(state: State<T>, change: CacheChange<T>): void {
  for (const listener of state.listeners) listener(change)
}

function scope(namespace?: string, labelSelector?: string, fieldSelector?: string) {
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  }
}
