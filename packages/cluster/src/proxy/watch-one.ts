// One object by name, as a watch: a proxy sees its own objects and no others. Where listing or
// watching is not granted it reads the object each 15 s (decision 7); nothing else is ever polled.
import type { KubeObject } from '@kubenest/api/core/objects'
import type { Clock } from '@kubenest/base/clock'
import { isOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { KubeClient, ListPage, ObjectRef, Resource } from '@kubenest/kube/client/kube-client'
import { createInformer } from '@kubenest/kube/informer/informer'

const POLL_MS = 15_000

export interface WatchOneOptions<T extends KubeObject> {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
  readonly resource: Resource<T>
  readonly ref: ObjectRef
  readonly trim?: (object: T) => T
  /** Told each version as it comes. */
  readonly onObject: (object: T) => void
  /** Told when it went. */
  readonly onGone: (last: T) => void
  /** Told once, when it is known whether the object exists. */
  readonly onSynced: () => void
}

/** Watches until the signal; never rejects. */
export async function watchOne<T extends KubeObject>(
  options: WatchOneOptions<T>,
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, log, resource, ref, trim } = options
  const informer = createInformer<T>({
    client: withGetForList(client, ref),
    clock,
    log,
    resource,
    fieldSelector: `metadata.name=${ref.name}`,
    pollMs: POLL_MS,
    ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
    ...(trim === undefined ? {} : { trim }),
  })
  informer.onChange(({ old, current }) => {
    if (current !== undefined) options.onObject(current)
    else if (old !== undefined) options.onGone(old)
  })
  informer.synced.then(options.onSynced, () => {
    // Stopped before the first answer: nobody waits for it any more.
  })
  await informer.run(signal)
}

/** The least documented rights grant `get` without `list`; a list of one is the same thing. */
function withGetForList(client: KubeClient, ref: ObjectRef): KubeClient {
  return {
    ...client,
    list: async (resource, options) => {
      try {
        return await client.list(resource, options)
      } catch (error) {
        if (!isOsError(error, 'kube-forbidden')) throw error
        return await listOfOne(client, resource, ref)
      }
    },
  }
}

async function listOfOne<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  ref: ObjectRef,
): Promise<ListPage<T>> {
  const object = await client.get(resource, ref)
  return {
    items: object === undefined ? [] : [object],
    resourceVersion: object?.metadata.resourceVersion ?? '',
  }
}
