// The OS object that owns this node, watched only while it does (decision 7).
import type { Os } from '@kubenest/api/os/os'
import type { Clock } from '@kubenest/base/clock'
import type { Logger } from '@kubenest/base/log'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { OSES } from '@kubenest/kube/client/resources'
import type { OsFacts } from './facts.ts'
import { watchOne } from './watch-one.ts'

/** An owner, as the OSInstance names it. */
export interface Owner {
  readonly name: string
  readonly namespace: string
}

export interface OsWatch {
  /** What is known of this owner; another one than before ends the watch of that. */
  follow(owner: Owner | undefined): OsFacts
  /** A read that did not go through the watch. */
  set(os: Os | undefined): void
}

export interface OsWatchOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  readonly wake: () => void
}

export function createOsWatch(options: OsWatchOptions): OsWatch {
  let current: { key: string; facts: OsFacts; stop: AbortController } | undefined
  return {
    follow(owner) {
      const key = owner === undefined ? '' : `${owner.namespace}/${owner.name}`
      if (current?.key === key) return current.facts
      current?.stop.abort()
      current = {
        key,
        facts: { state: owner === undefined ? 'absent' : 'loading' },
        stop: new AbortController(),
      }
      if (owner !== undefined) start(options, owner, current)
      return current.facts
    },
    set(os) {
      if (current !== undefined) current.facts = factsOf(os)
    },
  }
}

function start(
  options: OsWatchOptions,
  owner: Owner,
  watched: { facts: OsFacts; stop: AbortController },
): void {
  const { client, clock, log, wake } = options
  const know = (facts: OsFacts) => {
    watched.facts = facts
    wake()
  }
  const signal = AbortSignal.any([options.signal, watched.stop.signal])
  const watch = {
    client,
    clock,
    log,
    resource: OSES,
    ref: owner,
    onObject: (os: Os) => know({ state: 'present', os }),
    onGone: () => know({ state: 'absent' }),
    onSynced: () => {
      if (watched.facts.state === 'loading') know({ state: 'absent' })
    },
  }
  void watchOne<Os>(watch, signal)
}

function factsOf(os: Os | undefined): OsFacts {
  return os === undefined ? { state: 'absent' } : { state: 'present', os }
}
