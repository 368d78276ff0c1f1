// I17: a node is rebooted only when it was drained, or a person asked for force, and only for what
// the OS object asked for a moment ago.
import type { Node } from '@kubenest/api/core/objects'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { ImageIdentity } from '@kubenest/api/os/records'
import type { AgentEvent } from '../fakes/fake-agent.ts'
import type { StoredChange } from '../fakes/object-store.ts'
import type { Invariant, World } from './invariant.ts'
import {
  changeOf,
  imageOf,
  INSTANCE_COLLECTION,
  isSameImage,
  isUnschedulable,
  NODE_COLLECTION,
  operationOf,
  OS_COLLECTION,
} from './read-records.ts'

/** A wish is fresh for this long after it was changed: the lease period. */
const FRESH_MS = 15_000
/** A request on its way cannot know what a person does at the same moment. */
const IN_FLIGHT_MS = 2000

interface Wish {
  readonly image: ImageIdentity
  readonly operation: string | undefined
  readonly isForced: boolean
  untilMs: number
}

/** Remembers what was asked for, and until when. */
export function makeDrainedBeforeReboot(): Invariant {
  const wishes: Wish[] = []
  const cordonedMs = new Map<string, number>()
  const fresh = (nowMs: number) => wishes.filter(({ untilMs }) => untilMs >= nowMs - FRESH_MS)

  function onChange(change: StoredChange, world: World): string | undefined {
    const os = changeOf<Os>(change, OS_COLLECTION)
    if (os !== undefined) noteWish(wishes, os.current, world.nowMs)
    const node = changeOf<Node>(change, NODE_COLLECTION)
    if (isUnschedulable(node?.old)) cordonedMs.set(change.key, world.nowMs)
    const found = changeOf<OsInstance>(change, INSTANCE_COLLECTION)
    const operation = operationOf(found?.current)
    const isArming = operation?.phase === 'Armed' && operationOf(found?.old)?.phase !== 'Armed'
    if (!isArming) return undefined
    const { image, type } = operation
    const isAsked = fresh(world.nowMs).some(
      (wish) => isSameImage(wish.image, image) && wish.operation === type,
    )
    if (isAsked) return undefined
    return `${change.key} was armed for ${type} to ${image.version}, which nobody asks for`
  }

  function onAgent(event: AgentEvent, world: World): string | undefined {
    const node = world.node(event.node)
    if (event.what !== 'armed' || node === undefined) return undefined
    if (fresh(world.nowMs).some(({ isForced }) => isForced)) return undefined
    const justNow = (cordonedMs.get(event.node) ?? 0) >= world.nowMs - IN_FLIGHT_MS
    if (!isUnschedulable(node) && justNow) return undefined
    if (!isUnschedulable(node)) return `${event.node} was told to reboot and is not cordoned`
    const pods = world.pods.filter(({ spec }) => spec?.nodeName === event.node)
    if (pods.length === 0) return undefined
    return `${event.node} was told to reboot while ${pods.map(({ metadata }) => metadata.name).join(', ')} ran there`
  }

  return { id: 'I17', onChange, onAgent }
}

function noteWish(wishes: Wish[], os: Os | undefined, nowMs: number): void {
  const last = wishes.at(-1)
  if (last !== undefined && last.untilMs === Number.POSITIVE_INFINITY) last.untilMs = nowMs
  if (os === undefined) return
  wishes.push({
    image: imageOf(os),
    operation: os.spec?.opstype,
    isForced: os.spec?.rollout?.drain?.onTimeout === 'Force',
    untilMs: Number.POSITIVE_INFINITY,
  })
}
