// Runs the leader's work while this process holds a Lease. It only saves work: correctness rests on
// claims (I16), so where leases are forbidden the work simply runs, until they are allowed.
import type { Lease } from '@kubenest/api/core/objects'
import type { Clock } from '@kubenest/base/clock'
import { OsError, isOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { KubeClient } from '../client/kube-client.ts'
import { LEASES } from '../client/resources.ts'

const DURATION_MS = 15_000
const RETRY_MS = 2_000
/** A refusal may be the first second of an API server, or rights that somebody grants later. */
const ASK_AGAIN_MS = 300_000
// A program has 5 s to end; an API server that is away must not take them all.
const RELEASE_MS = 2_000

export interface LeaseElectionOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
  readonly lease: { readonly namespace: string; readonly name: string }
  /** Unique among candidates, for example host name and random part. */
  readonly identity: string
  /** A lease that nobody renewed for this long may be taken, milliseconds. @defaultValue 15000 */
  readonly durationMs?: number
  /** Pause between tries and renewals, milliseconds. @defaultValue 2000 */
  readonly retryMs?: number
}

type Attempt = 'held' | 'other' | 'forbidden'

/**
 * What was last seen of the lease, and when by our own clock: foreign clocks are never compared.
 */
interface Sighting {
  readonly resourceVersion: string
  readonly seenMs: number
}

/**
 * Runs `lead` each time this process becomes the leader, until the signal. The signal given to
 * `lead` ends when the lease is lost; `lead` must then return, and the process stands as a
 * candidate again.
 *
 * @throws whatever `lead` throws while its signal is not aborted.
 */
export async function runWithLease(
  options: LeaseElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const candidate = createCandidate(options)
  while (!signal.aborted) {
    const won = await campaign(options, candidate, signal)
    if (won === 'stopped') return
    if (won === 'forbidden') {
      options.log.info('Leases are not allowed; the work runs without leader election')
      await leadUnelected(options, candidate, lead, signal)
    } else {
      options.log.info('Leads', { lease: options.lease.name, identity: options.identity })
      await reign(options, candidate, lead, signal)
    }
  }
}

async function campaign(
  options: LeaseElectionOptions,
  candidate: Candidate,
  signal: AbortSignal,
): Promise<'held' | 'forbidden' | 'stopped'> {
  let failed = false
  for (;;) {
    if (signal.aborted) return 'stopped'
    try {
      const attempt = await candidate.attempt(signal)
      failed = false
      if (attempt !== 'other') return attempt
    } catch (error) {
      if (signal.aborted) return 'stopped'
      if (!failed) options.log.warn('Cannot reach the lease yet', { error: String(error) })
      failed = true
    }
    if (!(await pause(options.clock, options.retryMs ?? RETRY_MS, signal))) return 'stopped'
  }
}

async function reign(
  options: LeaseElectionOptions,
  candidate: Candidate,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const end = new AbortController()
  const until = AbortSignal.any([signal, end.signal])
  const renewing = keepRenewing(options, candidate, until).then((lost) => {
    if (!lost) return
    options.log.warn('Lost the lease; stops leading', { lease: options.lease.name })
    end.abort(
      new OsError('transient', { code: 'lease-lost', message: 'Cannot lead: the lease was lost' }),
    )
  })
  try {
    await lead(until)
  } catch (error) {
    if (!until.aborted) throw error
  } finally {
    const lost = end.signal.aborted
    end.abort()
    await renewing
    if (!lost) await candidate.release()
  }
}

/** Works without a lease until one is allowed; then this process is a candidate like others. */
async function leadUnelected(
  options: LeaseElectionOptions,
  candidate: Candidate,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const end = new AbortController()
  const until = AbortSignal.any([signal, end.signal])
  const asking = askUntilAllowed(options, candidate, until).then((allowed) => {
    if (!allowed) return
    options.log.info('Leases are allowed now; the work runs under leader election')
    end.abort(
      new OsError('transient', { code: 'lease-lost', message: 'Cannot lead without the lease' }),
    )
  })
  try {
    await lead(until)
  } catch (error) {
    if (!until.aborted) throw error
  } finally {
    end.abort()
    await asking
  }
}

async function askUntilAllowed(
  options: LeaseElectionOptions,
  candidate: Candidate,
  until: AbortSignal,
): Promise<boolean> {
  while (await pause(options.clock, ASK_AGAIN_MS, until)) {
    try {
      if ((await candidate.attempt(until)) !== 'forbidden') return true
    } catch {
      // An API server that is away says nothing of rights: asked again.
    }
  }
  return false
}

/**
 * Resolves `true` when the lease is lost: taken by another, or not renewed for two thirds of its
 * duration.
 */
async function keepRenewing(
  options: LeaseElectionOptions,
  candidate: Candidate,
  until: AbortSignal,
): Promise<boolean> {
  const graceMs = ((options.durationMs ?? DURATION_MS) * 2) / 3
  let renewedMs = options.clock.monotonicMs()
  while (await pause(options.clock, options.retryMs ?? RETRY_MS, until)) {
    const limit = new AbortController()
    const leftMs = Math.max(0, renewedMs + graceMs - options.clock.monotonicMs())
    const cancel = options.clock.schedule(leftMs, () => limit.abort(new Error('renew deadline')))
    try {
      const attempt = await candidate.attempt(AbortSignal.any([until, limit.signal]))
      if (attempt !== 'held') return true
      renewedMs = options.clock.monotonicMs()
    } catch {
      // A failed renewal is repeated until the grace time is over; then another may soon hold the
      // lease.
      if (until.aborted) return false
      if (options.clock.monotonicMs() - renewedMs >= graceMs) return true
    } finally {
      cancel()
    }
  }
  return false
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal)
    return true
  } catch {
    // Only an abort ends a sleep early.
    return false
  }
}

interface Candidate {
  /** Takes or renews the lease if that is allowed now. */
  attempt(signal: AbortSignal): Promise<Attempt>
  /** Lets the next candidate in at once. Never rejects. */
  release(): Promise<void>
}

function createCandidate(options: LeaseElectionOptions): Candidate {
  const { client, clock, identity, lease } = options
  const durationMs = options.durationMs ?? DURATION_MS
  let sighting: Sighting | undefined

  function isFree(current: Lease): boolean {
    const holder = current.spec?.holderIdentity ?? ''
    if (holder === '' || holder === identity) return true
    const resourceVersion = current.metadata.resourceVersion ?? ''
    if (sighting?.resourceVersion !== resourceVersion) {
      sighting = { resourceVersion, seenMs: clock.monotonicMs() }
      return false
    }
    // The holder's own duration counts when it is longer than ours.
    const statedMs = (current.spec?.leaseDurationSeconds ?? 0) * 1000
    return clock.monotonicMs() - sighting.seenMs >= Math.max(durationMs, statedMs)
  }

  async function attempt(signal: AbortSignal): Promise<Attempt> {
    try {
      const current = await client.get(LEASES, lease, { signal })
      if (current === undefined) await client.create(LEASES, build(options, undefined), { signal })
      else if (!isFree(current)) return 'other'
      else await client.replace(LEASES, build(options, current), { signal })
      return 'held'
    } catch (error) {
      if (isOsError(error, 'kube-forbidden')) return 'forbidden'
      if (isOsError(error, 'kube-conflict')) return 'other'
      throw error
    }
  }

  return {
    attempt,
    release: async () => {
      const limit = new AbortController()
      const cancel = clock.schedule(RELEASE_MS, () => limit.abort(new Error('release deadline')))
      const { signal } = limit
      try {
        const current = await client.get(LEASES, lease, { signal })
        if (current?.spec?.holderIdentity !== identity) return
        const spec = { ...current.spec, holderIdentity: '' }
        await client.replace(LEASES, { ...current, spec }, { signal })
      } catch (error) {
        const fields = { error: String(error) }
        options.log.debug('Cannot release the lease; it runs out by itself', fields)
      } finally {
        cancel()
      }
    },
  }
}

function build(options: LeaseElectionOptions, current: Lease | undefined): Lease {
  // Lease times need six digits of a second.
  const now = new Date(options.clock.nowMs()).toISOString().replace('Z', '000Z')
  const isOurs = current?.spec?.holderIdentity === options.identity
  const transitions = current?.spec?.leaseTransitions ?? 0
  return {
    ...current,
    metadata: current?.metadata ?? { ...options.lease },
    spec: {
      holderIdentity: options.identity,
      leaseDurationSeconds: Math.ceil((options.durationMs ?? DURATION_MS) / 1000),
      acquireTime: isOurs ? (current.spec?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: current === undefined || isOurs ? transitions : transitions + 1,
    },
  }
}
