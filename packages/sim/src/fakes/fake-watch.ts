// One open watch on the fake API server: replays the log after a version, follows it, and breaks
// when told.
import type { KubeObject } from '@kubenest/api/core/objects'
import type { Clock } from '@kubenest/base/clock'
import type { WatchEvent, WatchOptions } from '@kubenest/kube/client/kube-client'
import { cloneJson } from './clone-json.ts'
import { matchesSelectors } from './fake-selectors.ts'
import type { ObjectStore, StoredChange } from './object-store.ts'

const BOOKMARK_MS = 60_000
const LIFE_MS = 300_000

export interface FakeWatchContext {
  readonly store: ObjectStore
  readonly clock: Clock
  readonly collection: string
  readonly options: WatchOptions
  /** Lag of each event, milliseconds; order is kept. */
  readonly lagMs: () => number
}

/** A watch; see {@link FakeWatch.events}. */
export class FakeWatch {
  readonly #context: FakeWatchContext
  readonly #queue: WatchEvent<KubeObject>[] = []
  readonly #cancels: (() => void)[] = []
  #wake: (() => void) | undefined
  #end: { readonly error?: Error } | undefined
  #isSilent = false
  #lastDueMs = 0
  #waiting = 0

  constructor(context: FakeWatchContext) {
    this.#context = context
    const { store, clock, collection, options } = context
    for (const change of store.changesAfter(collection, Number(options.resourceVersion)))
      this.#offer(change)
    this.#cancels.push(
      store.onChange((change) => {
        if (change.collection === collection) this.#offer(change)
      }),
    )
    this.#bookmarkLater()
    this.#cancels.push(clock.schedule(LIFE_MS, () => this.end()))
  }

  /** Nothing more is delivered, and the stream does not end: a half-open connection. */
  silence(): void {
    this.#isSilent = true
  }

  /** The stream ends, with an error when one is given. */
  end(error?: Error): void {
    this.#end ??= error === undefined ? {} : { error }
    this.#wake?.()
  }

  async *events(): AsyncGenerator<WatchEvent<KubeObject>> {
    const { signal } = this.#context.options
    const onAbort = () => this.end(signal?.reason as Error)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted === true) onAbort()
    try {
      for (;;) {
        const event = this.#end === undefined ? this.#queue.shift() : undefined
        if (event !== undefined) yield event
        else if (this.#end?.error !== undefined) throw this.#end.error
        else if (this.#end !== undefined) return
        else await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      for (const cancel of this.#cancels) cancel()
    }
  }

  #bookmarkLater(): void {
    const cancel = this.#context.clock.schedule(BOOKMARK_MS, () => {
      if (this.#end !== undefined) return
      const resourceVersion = String(this.#context.store.version)
      // Behind the events that lag: a bookmark that overtakes them would make them unseen for ever.
      this.#send({ type: 'BOOKMARK', object: { metadata: { name: '', resourceVersion } } }, 0)
      this.#bookmarkLater()
    })
    this.#cancels.push(cancel)
  }

  #offer(change: StoredChange): void {
    const event = toEvent(change, this.#context.options)
    if (event !== undefined) this.#send(event, this.#context.lagMs())
  }

  #send(event: WatchEvent<KubeObject>, lagMs: number): void {
    const { clock } = this.#context
    const dueMs = Math.max(this.#lastDueMs, clock.monotonicMs() + lagMs)
    this.#lastDueMs = dueMs
    const delayMs = dueMs - clock.monotonicMs()
    // One that is due this very moment may still wait for its timer: order is kept.
    if (delayMs <= 0 && this.#waiting === 0) return this.#deliver(event)
    this.#waiting += 1
    const cancel = clock.schedule(delayMs, () => {
      this.#waiting -= 1
      this.#deliver(event)
    })
    this.#cancels.push(cancel)
  }

  #deliver(event: WatchEvent<KubeObject>): void {
    if (this.#isSilent) return
    this.#queue.push(cloneJson(event))
    this.#wake?.()
  }
}

/**
 * A selector turns a change into an addition or a deletion when the object begins or stops to
 * match.
 */
function toEvent(change: StoredChange, options: WatchOptions): WatchEvent<KubeObject> | undefined {
  const isIn = (object: KubeObject | undefined): object is KubeObject =>
    object !== undefined &&
    (options.namespace === undefined || object.metadata.namespace === options.namespace) &&
    matchesSelectors(object, options)
  if (isIn(change.current))
    return { type: isIn(change.old) ? 'MODIFIED' : 'ADDED', object: change.current }
  if (!isIn(change.old)) return undefined
  const resourceVersion = String(change.version)
  const metadata = { ...change.old.metadata, resourceVersion }
  return { type: 'DELETED', object: { ...change.old, metadata } }
}
