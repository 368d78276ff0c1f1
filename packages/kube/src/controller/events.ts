// Events for people who look with kubectl. A courtesy: never waited for, never needed, and given up
// for a while after a refusal, because the documented system's users grant no right to create them
// (contract 1.8).
import type { Event, KubeObject } from '@kubenest/api/core/objects'
import type { Clock } from '@kubenest/base/clock'
import { isOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { KubeClient } from '../client/kube-client.ts'
import { EVENTS } from '../client/resources.ts'

const REPEAT_MS = 300_000
/** A refusal may be the first second of an API server, or rights that somebody grants later. */
const REFUSED_PAUSE_MS = 600_000
const REMEMBERED_MAX = 200
const MESSAGE_LENGTH_MAX = 1024

/** What is told of an object. */
export interface EventText {
  readonly type: 'Normal' | 'Warning'
  /** One CamelCase word. */
  readonly reason: string
  readonly message: string
}

/** See {@link createEventRecorder}. */
export interface EventRecorder {
  /** Sends in the background; the same text about the same object at most once in 5 minutes. */
  record(object: KubeObject, text: EventText): void
  /** Resolves when everything recorded so far was sent or given up. Never rejects. */
  flush(): Promise<void>
}

export interface EventRecorderOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
  /** Program that speaks, for example `kubenest-operator`. */
  readonly component: string
  /** Unique suffix of event names. @defaultValue crypto.randomUUID */
  readonly newId?: () => string
}

/** Makes a recorder that pauses by itself, and says so once, when events are forbidden. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const sentMs = new Map<string, number>()
  let queue = Promise.resolve()
  let refusedUntilMs = Number.NEGATIVE_INFINITY
  let hasSaidRefused = false

  const isPaused = () => options.clock.monotonicMs() < refusedUntilMs

  function isRepeat(key: string): boolean {
    const nowMs = options.clock.monotonicMs()
    const before = sentMs.get(key)
    if (before !== undefined && nowMs - before < REPEAT_MS) return true
    sentMs.delete(key)
    sentMs.set(key, nowMs)
    const [oldest] = sentMs.keys()
    if (sentMs.size > REMEMBERED_MAX && oldest !== undefined) sentMs.delete(oldest)
    return false
  }

  async function send(event: Event): Promise<void> {
    if (isPaused()) return
    try {
      await options.client.create(EVENTS, event)
    } catch (error) {
      if (isOsError(error, 'kube-forbidden')) onRefused()
      else options.log.debug('Cannot write an event', { error: String(error) })
    }
  }

  function onRefused(): void {
    refusedUntilMs = options.clock.monotonicMs() + REFUSED_PAUSE_MS
    if (!hasSaidRefused)
      options.log.info('Events are not allowed; tried again only now and then', {
        pauseMs: REFUSED_PAUSE_MS,
      })
    hasSaidRefused = true
  }

  return {
    record: (object, text) => {
      const key = JSON.stringify([object.metadata.uid, text.reason, text.message])
      if (isPaused() || isRepeat(key)) return
      const event = buildEvent(options, object, text)
      queue = queue.then(() => send(event))
    },
    flush: () => queue,
  }
}

function buildEvent(options: EventRecorderOptions, object: KubeObject, text: EventText): Event {
  const { name, namespace, uid } = object.metadata
  const id = (options.newId ?? (() => crypto.randomUUID()))()
  const now = new Date(options.clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z')
  return {
    metadata: { name: `${name.slice(0, 200)}.${id}`, namespace: namespace ?? 'default' },
    involvedObject: {
      name,
      ...(object.apiVersion === undefined ? {} : { apiVersion: object.apiVersion }),
      ...(object.kind === undefined ? {} : { kind: object.kind }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
    type: text.type,
    reason: text.reason,
    message: text.message.slice(0, MESSAGE_LENGTH_MAX),
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: options.component },
    reportingComponent: options.component,
  }
}
