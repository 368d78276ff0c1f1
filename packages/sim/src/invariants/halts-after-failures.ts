// I21: after maxFailures fallbacks nothing new is started; and nothing is started while paused or
// outside of the window.
import type { Os } from '@kubenest/api/os/os'
import type { Claim } from '@kubenest/api/os/records'
import type { StoredChange } from '../fakes/object-store.ts'
import type { Invariant, World } from './invariant.ts'
import {
  changeOf,
  hasGrant,
  imageOf,
  isSameImage,
  newClaims,
  newVerdict,
  OS_COLLECTION,
  rolloutOf,
} from './read-records.ts'

/** A verdict is known to every operator by then: a silent watch is given up after 90 s. */
const KNOWN_AFTER_MS = 300_000
const DAY_SECONDS = 86_400
const SLOW_WRITE_SECONDS = 5

interface Fallback {
  readonly node: string
  readonly nodeUid: string
  readonly osUid: string | undefined
  readonly image: Claim['image']
  readonly atMs: number
}

/** Remembers fallbacks as they become durable. */
export function makeHaltsAfterFailures(): Invariant {
  const fallbacks: Fallback[] = []

  function onChange(change: StoredChange, world: World): string | undefined {
    const verdict = newVerdict(change)
    if (verdict?.outcome === 'FellBack') {
      const node = change.current?.metadata.name ?? ''
      const nodeUid = world.node(node)?.metadata.uid ?? ''
      const osUid = world.os?.metadata.uid
      fallbacks.push({ node, nodeUid, osUid, image: verdict.image, atMs: world.nowMs })
    }
    const found = changeOf<Os>(change, OS_COLLECTION)
    const added = newClaims(found?.old, found?.current)
    if (found?.old === undefined || found.current === undefined || added.length === 0)
      return undefined
    const os = found.current
    return checkPaused(os, added) ?? checkWindow(os, added) ?? checkHalt(os, found.old, world)
  }

  function checkHalt(os: Os, old: Os, world: World): string | undefined {
    if (hasGrant(os) || os.spec?.opstype === 'config') return undefined
    const most = os.spec?.rollout?.maxFailures ?? 1
    const isWanted = ({ image }: { image: Claim['image'] }) => isSameImage(image, imageOf(os))
    const record = rolloutOf(old)
    const recorded = (record?.failures ?? []).filter(({ outcome }) => outcome === 'FellBack')
    if (record !== undefined && isWanted(record) && recorded.length >= most)
      return `a claim was added after ${recorded.length} recorded fallbacks; maxFailures is ${most}`
    const known = fallbacks.filter(
      (each) =>
        isWanted(each) &&
        each.osUid === os.metadata.uid &&
        each.atMs < world.nowMs - KNOWN_AFTER_MS,
    )
    const nodes = new Set(known.map(({ node, nodeUid }) => `${node}/${nodeUid}`))
    return nodes.size < most
      ? undefined
      : `a claim was added long after ${nodes.size} fallbacks; maxFailures is ${most}`
  }

  return { id: 'I21', onChange }
}

function checkPaused(os: Os, added: readonly Claim[]): string | undefined {
  if (os.spec?.rollout?.paused !== true) return undefined
  return `${added.map(({ node }) => node).join(', ')} claimed while the rollout is paused`
}

/** Windows of scenarios are daily and in UTC. */
function checkWindow(os: Os, added: readonly Claim[]): string | undefined {
  const { starttime, endtime } = os.spec?.timewindow ?? {}
  if (starttime === undefined || endtime === undefined) return undefined
  const late = added.find(({ at }) => {
    const seconds = Math.floor(Date.parse(at) / 1000) % DAY_SECONDS
    const end = secondsOf(endtime) + SLOW_WRITE_SECONDS
    return seconds <= secondsOf(starttime) || seconds >= end
  })
  return late === undefined
    ? undefined
    : `${late.node} was claimed at ${late.at}, outside of ${starttime} to ${endtime}`
}

function secondsOf(time: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number)
  return hours * 3600 + minutes * 60 + seconds
}
