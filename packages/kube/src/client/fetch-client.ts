// KubeClient over Bun's fetch (runtime notes 6.1). Each method is one request; what is retried, and
// when, is the caller's decision.
import type { KubeObject } from '@kubenest/api/core/objects'
import { type Clock, systemClock } from '@kubenest/base/clock'
import { byteLines } from './byte-lines.ts'
import type { KubeConfig } from './kube-config.ts'
import type {
  DeleteOptions,
  EvictionResult,
  KubeClient,
  ListOptions,
  ListPage,
  ObjectRef,
  Patch,
  Resource,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './kube-client.ts'
import { collectionPath, objectPath, queryString } from './request-path.ts'
import { type StatusBody, parseStatus, statusError, statusMessage } from './response-error.ts'
import {
  type KubeAnswer,
  type KubeRequest,
  type Transport,
  createTransport,
  parseAnswer,
} from './transport.ts'
import { PODS } from './resources.ts'

const PAGE_SIZE = 50
const REQUEST_TIMEOUT_MS = 30_000
const WATCH_SECONDS = 290
const WATCH_SECONDS_SPREAD = 60
const EVENT_BYTES_MAX = 8 * 1024 * 1024

const PATCH_TYPES: Readonly<Record<Patch['type'], string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
}

/** Tuning of {@link createFetchClient}; products use the defaults. */
export interface FetchClientOptions {
  /** @defaultValue the machine's clock */
  readonly clock?: Clock
  /** Limit for each request other than a watch, milliseconds. @defaultValue 30000 */
  readonly requestTimeoutMs?: number
  /** No request outlives it; beside the signals of single requests. */
  readonly until?: AbortSignal
}

/**
 * The real {@link KubeClient}.
 *
 * @throws {OsError} kind `invalid`, code `config-kubeconfig`, when client certificate and key do
 * not match.
 */
export function createFetchClient(
  config: KubeConfig,
  options: FetchClientOptions = {},
): KubeClient {
  const transport = createTransport(
    config,
    options.clock ?? systemClock,
    options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    options.until,
  )
  return {
    get: (resource, ref, options) => getObject(transport, resource, ref, options?.signal),
    list: (resource, options) => listPage(transport, resource, options),
    watch: (resource, options) => watchEvents(transport, resource, options),
    create: (resource, object, options) => createObject(transport, resource, object, options),
    replace: (resource, object, options) => replaceObject(transport, resource, object, options),
    patch: (resource, ref, patch, options) => patchObject(transport, resource, ref, patch, options),
    delete: (resource, ref, options) => deleteObject(transport, resource, ref, options),
    evict: (ref, options) => evictPod(transport, ref, options),
  }
}

async function getObject<T extends KubeObject>(
  transport: Transport,
  resource: Resource<T>,
  ref: ObjectRef,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const request: KubeRequest = {
    method: 'GET',
    path: objectPath(resource, ref),
    action: `get ${describe(resource, ref)}`,
    signal,
  }
  const answer = await transport.exchange(request)
  return isMissingObject(answer) ? undefined : parseAnswer<T>(request, answer)
}

/** A 404 that names the object; one that does not says that the kind itself is not served. */
function isMissingObject(answer: KubeAnswer): boolean {
  return answer.status === 404 && parseStatus(answer.text).details?.name !== undefined
}

async function listPage<T extends KubeObject>(
  transport: Transport,
  resource: Resource<T>,
  options: ListOptions = {},
): Promise<ListPage<T>> {
  const query = queryString({
    limit: options.limit ?? PAGE_SIZE,
    continue: options.continue,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
  })
  const request: KubeRequest = {
    method: 'GET',
    path: collectionPath(resource, options.namespace) + query,
    action: `list ${resource.plural}`,
    signal: options.signal,
  }
  const body = parseAnswer<ListBody<T>>(request, await transport.exchange(request))
  const token = body.metadata.continue
  return {
    items: body.items ?? [],
    resourceVersion: body.metadata.resourceVersion,
    ...(token === undefined || token === '' ? {} : { continue: token }),
  }
}

interface ListBody<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items?: T[] | null
}

async function* watchEvents<T extends KubeObject>(
  transport: Transport,
  resource: Resource<T>,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  // Spread out, so that watches opened together do not all end together.
  const timeoutSeconds = WATCH_SECONDS + Math.floor(Math.random() * WATCH_SECONDS_SPREAD)
  const query = queryString({
    watch: true,
    allowWatchBookmarks: true,
    timeoutSeconds,
    resourceVersion: options.resourceVersion,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
  })
  const action = `watch ${resource.plural}`
  const path = collectionPath(resource, options.namespace) + query
  const lifeMs = timeoutSeconds * 1000 + REQUEST_TIMEOUT_MS
  const request: KubeRequest = { method: 'GET', path, action, signal: options.signal }
  for await (const line of byteLines(transport.stream(request, lifeMs), EVENT_BYTES_MAX))
    yield parseEvent<T>(request, line)
}

function parseEvent<T>(request: KubeRequest, line: string): WatchEvent<T> {
  const answer: KubeAnswer = { status: 200, text: line }
  const event = parseAnswer<WatchEvent<T> | { type: 'ERROR'; object: StatusBody }>(request, answer)
  if (event.type !== 'ERROR') return event
  throw statusError(request.action, event.object.code ?? 500, event.object)
}

/** A request whose answer is the object as it stands afterwards. */
async function write<T extends KubeObject>(
  transport: Transport,
  request: Omit<KubeRequest, 'signal'>,
  options: WriteOptions,
): Promise<T> {
  return parseAnswer<T>(request, await transport.exchange({ ...request, signal: options.signal }))
}

function createObject<T extends KubeObject>(
  transport: Transport,
  resource: Resource<T>,
  object: T,
  options: WriteOptions = {},
): Promise<T> {
  const path = collectionPath(resource, object.metadata.namespace)
  const action = `create ${describe(resource, object.metadata)}`
  const body = withType(resource, object)
  return write(transport, { method: 'POST', path, action, body }, options)
}

function replaceObject<T extends KubeObject>(
  transport: Transport,
  resource: Resource<T>,
  object: T,
  options: WriteOptions = {},
): Promise<T> {
  const path = objectPath(resource, object.metadata, options.subresource)
  const action = `replace ${describe(resource, object.metadata, options.subresource)}`
  const body = withType(resource, object)
  return write(transport, { method: 'PUT', path, action, body }, options)
}

function patchObject<T extends KubeObject>(
  transport: Transport,
  resource: Resource<T>,
  ref: ObjectRef,
  { type, body }: Patch,
  options: WriteOptions = {},
): Promise<T> {
  const path = objectPath(resource, ref, options.subresource)
  const action = `patch ${describe(resource, ref, options.subresource)}`
  const contentType = PATCH_TYPES[type]
  return write(transport, { method: 'PATCH', path, action, body, contentType }, options)
}

async function deleteObject<T extends KubeObject>(
  transport: Transport,
  resource: Resource<T>,
  ref: ObjectRef,
  options: DeleteOptions = {},
): Promise<void> {
  const { uid, resourceVersion, gracePeriodSeconds } = options
  const request: KubeRequest = {
    method: 'DELETE',
    path: objectPath(resource, ref),
    action: `delete ${describe(resource, ref)}`,
    body: {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Background',
      preconditions: { uid, resourceVersion },
      gracePeriodSeconds,
    },
    signal: options.signal,
  }
  const answer = await transport.exchange(request)
  if (!isMissingObject(answer)) parseAnswer<unknown>(request, answer)
}

async function evictPod(
  transport: Transport,
  ref: Required<ObjectRef>,
  options: { uid?: string; dryRun?: boolean; signal?: AbortSignal } = {},
): Promise<EvictionResult> {
  const dryRun = options.dryRun === true
  const request: KubeRequest = {
    method: 'POST',
    path: objectPath(PODS, ref, 'eviction') + queryString({ dryRun: dryRun ? 'All' : undefined }),
    action: `evict ${describe(PODS, ref)}`,
    body: {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: ref.name, namespace: ref.namespace },
      deleteOptions: {
        ...(dryRun ? { dryRun: ['All'] } : {}),
        ...(options.uid === undefined ? {} : { preconditions: { uid: options.uid } }),
      },
    },
    signal: options.signal,
  }
  return evictionResult(request, await transport.exchange(request))
}

function evictionResult(request: KubeRequest, answer: KubeAnswer): EvictionResult {
  const { status, retryAfterMs } = answer
  if (status < 300) return { outcome: 'evicted' }
  const message = statusMessage(status, parseStatus(answer.text))
  if (status === 404 || (status === 409 && /\bUID\b/i.test(message))) return { outcome: 'gone' }
  if (status === 429)
    return { outcome: 'refused', message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
  if (status === 500) return { outcome: 'broken', message }
  if (status === 403) return { outcome: 'forbidden', message }
  return parseAnswer(request, answer)
}

function withType<T extends KubeObject>(resource: Resource<T>, object: T): T {
  const apiVersion =
    resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
  return { ...object, apiVersion, kind: resource.kind }
}

function describe<T extends KubeObject>(
  resource: Resource<T>,
  ref: ObjectRef,
  subresource?: string,
): string {
  const place = ref.namespace === undefined ? '' : ` in ${ref.namespace}`
  return `${subresource === undefined ? '' : `the ${subresource} of `}${resource.kind} ${ref.name}${place}`
}
