// What happened in a run, kept as cheap as possible and made readable only for a run that failed.
import type { KubeObject } from '@kubenest/api/core/objects'
import type { Clock } from '@kubenest/base/clock'
import type { StoredChange } from '../fakes/object-store.ts'

/** One line, rendered when somebody reads it. */
export interface TraceEntry {
  readonly atMs: number
  readonly render: () => string
}

/** Collects what happened. */
export class Trace {
  readonly #clock: Clock
  readonly #entries: TraceEntry[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(text: string): void {
    this.#add(() => text)
  }

  change(change: StoredChange): void {
    this.#add(() => renderChange(change))
  }

  /** The last lines, oldest first. */
  tail(count: number): string[] {
    return this.#entries.slice(-count).map(renderEntry)
  }

  #add(render: () => string): void {
    this.#entries.push({ atMs: this.#clock.monotonicMs(), render })
  }
}

function renderEntry({ atMs, render }: TraceEntry): string {
  return `${(atMs / 1000).toFixed(3).padStart(10)} s  ${render()}`
}

function renderChange({ identity, collection, key, old, current, version }: StoredChange): string {
  const kind = collection.split('/').at(-1) ?? ''
  if (current === undefined) return `${identity} deletes ${kind} ${key} @${version}`
  if (old === undefined) return `${identity} creates ${kind} ${key} @${version}`
  return `${identity} writes ${kind} ${key} @${version}: ${differences(old, current).join('; ')}`
}

function differences(old: KubeObject, current: KubeObject): string[] {
  const before = flatten(old)
  const after = flatten(current)
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => before.get(path) !== after.get(path) && path !== 'metadata.resourceVersion')
    .map((path) => `${path}=${after.get(path) ?? '(gone)'}`)
}

const TEXT_LENGTH_MAX = 400

function flatten(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (typeof value !== 'object' || value === null) {
    into.set(path, String(value).slice(0, TEXT_LENGTH_MAX))
    return into
  }
  for (const [key, member] of Object.entries(value))
    flatten(member, path === '' ? key : `${path}.${key}`, into)
  return into
}
