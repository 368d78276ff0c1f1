// Everything the API server showed of a fleet, kept in memory from the start, so that what must
// hold at every resource version is checked over all of them and not by looking now and then.
import type { KubeObject, Node } from '@kubenest/api/core/objects'
import { LABELS, OS_ANNOTATIONS } from '@kubenest/api/os/names'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import { type Claim, parseRecord } from '@kubenest/api/os/records'
import { isOsError } from '@kubenest/base/errors'
import type { KubeClient, Resource } from '@kubenest/kube/client/kube-client'
import { NODES, OS_INSTANCES, OSES } from '@kubenest/kube/client/resources'

const RETRY_MS = 200

/** One object at one resource version; `undefined` when it was deleted there. */
interface Change {
  readonly version: number
  readonly kind: 'OS' | 'Node' | 'OSInstance'
  readonly key: string
  readonly object: KubeObject | undefined
}

/** What was wrong at one resource version. */
export interface Violation {
  readonly version: number
  readonly what: string
}

/** Most that was seen at any one resource version. */
export interface Peaks {
  claims: number
  /** Nodes with a work label. */
  labelled: number
  changes: number
  violations: Violation[]
}

/** Follows the fleet until it is stopped. */
export class FleetHistory {
  readonly #changes: Change[] = []
  readonly #abort = new AbortController()
  readonly #client: KubeClient

  private constructor(client: KubeClient) {
    this.#client = client
  }

  /** Begins with what there is now. */
  static start(client: KubeClient): FleetHistory {
    const history = new FleetHistory(client)
    void history.#follow('OS', OSES)
    void history.#follow('Node', NODES)
    void history.#follow('OSInstance', OS_INSTANCES)
    return history
  }

  stop(): void {
    this.#abort.abort()
  }

  /** Highest resource version seen so far. */
  mark(): number {
    return this.#changes.reduce((most, { version }) => Math.max(most, version), 0)
  }

  /** Waits until everything that exists now was seen. */
  async caughtUp(limitMs = 20_000): Promise<void> {
    const kinds = [untyped(OSES), untyped(NODES), untyped(OS_INSTANCES)]
    const pages = await Promise.all(
      kinds.map(async (each) => await this.#client.list(each, { limit: 500 })),
    )
    const wanted = pages.flatMap(({ items }) => items.map(({ metadata }) => metadata))
    const deadlineMs = performance.now() + limitMs
    const seen = () => new Set(this.#changes.map(({ version }) => `${version}`))
    for (;;) {
      const versions = seen()
      const missing = wanted.filter((each) => !versions.has(each.resourceVersion ?? ''))
      if (missing.length === 0) return
      if (performance.now() > deadlineMs)
        throw new Error(`the watch did not show ${missing.map(({ name }) => name).join(', ')}`)
      await Bun.sleep(RETRY_MS)
    }
  }

  /** Claims that were made after a mark, in order. */
  claimsSince(mark: number): Claim[] {
    const found = new Map<string, Claim>()
    const older = new Set<string>()
    for (const { kind, object, version } of this.#ordered()) {
      if (kind !== 'OS') continue
      for (const claim of claimsOf(object)) {
        if (version <= mark) older.add(claim.id)
        else if (!older.has(claim.id) && !found.has(claim.id)) found.set(claim.id, claim)
      }
    }
    return [...found.values()]
  }

  /** Every state of every node after a mark. */
  nodesSince(mark: number): Node[] {
    return this.#ordered().flatMap(({ kind, object, version }) =>
      kind === 'Node' && object !== undefined && version > mark ? [object as Node] : [],
    )
  }

  /** Replays all changes after a mark; `cap` is the most places that may be taken at once. */
  peaksSince(mark: number, cap: number): Peaks {
    const world = new Map<string, Change>()
    const peaks: Peaks = { claims: 0, labelled: 0, changes: 0, violations: [] }
    for (const change of this.#ordered()) {
      world.set(`${change.kind} ${change.key}`, change)
      if (change.version <= mark) continue
      peaks.changes += 1
      judge(change.version, [...world.values()], cap, peaks)
    }
    return peaks
  }

  #ordered(): Change[] {
    return this.#changes.toSorted((a, b) => a.version - b.version)
  }

  /** Lists, then watches, for ever: an API server that goes away is part of the tests. */
  async #follow<T extends KubeObject>(kind: Change['kind'], resource: Resource<T>): Promise<void> {
    const { signal } = this.#abort
    let resourceVersion: string | undefined
    while (!signal.aborted) {
      try {
        resourceVersion ??= await this.#list(kind, resource)
        for await (const { type, object } of this.#client.watch(resource, {
          resourceVersion,
          signal,
        })) {
          resourceVersion = object.metadata.resourceVersion ?? resourceVersion
          if (type !== 'BOOKMARK') this.#add(kind, object, type === 'DELETED')
        }
      } catch (error) {
        if (isOsError(error, 'kube-gone')) resourceVersion = undefined
        if (!signal.aborted) await Bun.sleep(RETRY_MS)
      }
    }
  }

  async #list<T extends KubeObject>(kind: Change['kind'], resource: Resource<T>): Promise<string> {
    const page = await this.#client.list(resource, { limit: 500 })
    for (const object of page.items) this.#add(kind, object, false)
    return page.resourceVersion
  }

  #add(kind: Change['kind'], object: KubeObject, isDeleted: boolean): void {
    const { namespace = '', name, resourceVersion } = object.metadata
    this.#changes.push({
      version: Number(resourceVersion),
      kind,
      key: `${namespace}/${name}`,
      object: isDeleted ? undefined : object,
    })
  }
}

/** The same kind, of which only metadata is read. */
function untyped<T extends KubeObject>(resource: Resource<T>): Resource<KubeObject> {
  const { group, version, plural, kind, namespaced } = resource
  return { group, version, plural, kind, namespaced }
}

/** Claims of one OS object at one resource version. */
function claimsOf(object: KubeObject | undefined): Claim[] {
  return parseRecord<Claim[]>(object?.metadata.annotations?.[OS_ANNOTATIONS.claims]) ?? []
}

/** Label of a node that is worked on. */
export function hasWorkLabel(node: KubeObject): boolean {
  const labels = node.metadata.labels ?? {}
  return LABELS.upgrading in labels || LABELS.configuring in labels
}

/** I16: no more claims than places; nobody is at work without a claim. */
function judge(version: number, world: readonly Change[], cap: number, peaks: Peaks): void {
  const of = <T extends KubeObject>(kind: Change['kind']) =>
    world.flatMap((each) =>
      each.kind === kind && each.object !== undefined ? [each.object as T] : [],
    )
  const claimed = new Set(of<Os>('OS').flatMap((os) => claimsOf(os).map(({ node }) => node)))
  const labelled = of<Node>('Node').filter(hasWorkLabel)
  const working = of<OsInstance>('OSInstance').filter(
    ({ spec }) => spec?.nodestatus !== undefined && spec.nodestatus !== 'idle',
  )
  peaks.claims = Math.max(peaks.claims, claimed.size)
  peaks.labelled = Math.max(peaks.labelled, labelled.length)
  const add = (what: string) => peaks.violations.push({ version, what })
  if (claimed.size > cap) add(`${claimed.size} claims (${[...claimed].join(', ')}), cap ${cap}`)
  for (const { metadata } of [...labelled, ...working])
    if (!claimed.has(metadata.name)) add(`${metadata.name} is at work without a claim`)
}
