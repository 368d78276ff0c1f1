// Boots of the simulated node: the menu's choice, the trial units, the agent, the gate; and
// programs that end in the middle.
import {
  renderGrubEnvironment,
  parseGrubEnvironment,
} from '@kubenest/provision/boot/grub-environment'
import { toOsError } from '@kubenest/base/errors'
import { deadline, gate, trialStart } from '../../../src/agent/update/commands.ts'
import { createUpdateEngine } from '../../../src/agent/update/engine.ts'
import { TRIAL_VARIABLE } from '../../../src/agent/update/judge-boot.ts'
import type { SlotName } from '../../../src/agent/update/journal-state.ts'
import { live } from './life.ts'
import { slotPath } from './sim-backend.ts'
import { chooseSlot, variablesOf, type GrubChoice } from './sim-grub.ts'
import { imageInside, isBootable, versionOfImage, type SimImage } from './sim-images.ts'
import { BOOT, type SimNode } from './sim-node.ts'
import { checkAfter, checkBefore } from './sim-rules.ts'

const BOOTS_MAX = 8
const GATE_UNIT = '/usr/lib/systemd/system/kubenest-gate.service'

/** What happens at one of the effects of a program. */
export interface Mishap {
  /** The effect at which it happens, from 1. */
  readonly at: number
  readonly what: 'kill' | 'cut' | 'EIO' | 'ENOSPC'
}

/** How a program ended. */
export type ProgramEnd = 'done' | 'killed' | 'cut' | 'failed'

/** Runs a program of the node; its errors must be those that it may have. */
export async function runProgram(
  node: SimNode,
  mishap: Mishap | undefined,
  task: () => Promise<unknown>,
): Promise<ProgramEnd> {
  const { disk } = node
  const ended = Promise.withResolvers<'killed' | 'cut'>()
  let effects = 0
  disk.watch = (effect) => {
    checkBefore(node, effect)
    effects += 1
    if (mishap === undefined || effects !== mishap.at) return 'pass'
    if (mishap.what === 'EIO' || mishap.what === 'ENOSPC')
      return Object.assign(new Error(mishap.what), { code: mishap.what })
    endLife(node)
    ended.resolve(mishap.what === 'cut' ? 'cut' : 'killed')
    return 'end'
  }
  disk.after = (effect) => checkAfter(node, effect)
  const end = await Promise.race([ended.promise, live(node.life, () => settle(node, task))])
  disk.locks.clear()
  return end
}

/** Whatever runs gets no further. */
export function endLife(node: SimNode): void {
  node.life.isOver = true
  node.life = { isOver: false }
}

async function settle(node: SimNode, task: () => Promise<unknown>): Promise<'done' | 'failed'> {
  try {
    await task()
    return 'done'
  } catch (cause) {
    const error = toOsError(cause)
    node.story.push(`  ${error.code}`)
    if (error.kind === 'bug') node.broken.push(`bug: ${error.message} ${String(error.stack)}`)
    return 'failed'
  }
}

/** The power goes and comes back. */
export async function cutPower(node: SimNode, mishap?: Mishap): Promise<void> {
  const chances = [0, 0.1, 0.5, 0.9, 1]
  const chance = chances[Math.floor(node.random() * chances.length)] ?? 0
  node.disk.cut(node.random, chance)
  await bootUntilUp(node, mishap)
}

/** An orderly reboot: everything is flushed. */
export async function reboot(node: SimNode, mishap?: Mishap, byHand?: SlotName): Promise<void> {
  node.disk.cut(node.random, 1)
  await bootUntilUp(node, mishap, byHand)
}

async function bootUntilUp(node: SimNode, mishap?: Mishap, byHand?: SlotName): Promise<void> {
  let [next, hand] = [mishap, byHand]
  for (let boots = 0; boots < BOOTS_MAX; boots += 1) {
    const isUp = await bootOnce(node, next, hand)
    if (isUp || node.broken.length > 0) return
    next = undefined
    hand = undefined
  }
  node.broken.push('I19: the node reboots for ever')
}

async function bootOnce(node: SimNode, mishap?: Mishap, byHand?: SlotName): Promise<boolean> {
  endLife(node)
  const image = loadSlot(node, byHand)
  if (image === undefined) return false
  node.story.push(`  boot ${node.booted} ${image.behaviour}${node.isTrialBoot ? ' on trial' : ''}`)
  if (image.behaviour === 'panics') {
    node.disk.cut(node.random, 0)
    return false
  }
  node.rebootAsked = false
  const end = await runProgram(node, mishap, () => startUp(node, image))
  if (end === 'cut') {
    node.disk.cut(node.random, node.random())
    return false
  }
  // systemd starts what was killed again.
  if (end !== 'done') await runProgram(node, undefined, () => startUp(node, image))
  if (!node.rebootAsked) return true
  node.disk.cut(node.random, 1)
  return false
}

/** What GRUB and the kernel do; `undefined` when nothing runs. */
function loadSlot(node: SimNode, byHand: SlotName | undefined): SimImage | undefined {
  const { disk } = node
  const primary = disk.present(`${BOOT}/grubenv`)
  const choice: GrubChoice =
    byHand === undefined
      ? chooseSlot(primary, disk.present(`${BOOT}/grubenv.bak`), (slot) =>
          isBootable(disk.present(slotPath(slot))),
        )
      : { slot: byHand, isTrial: false }
  const variables = variablesOf(primary)
  if (choice.isTrial) {
    countTrialBoot(node, variables.get(TRIAL_VARIABLE) ?? '')
    const cleared = new Map(parseGrubEnvironment(primary ?? new Uint8Array(0)))
    cleared.delete('next_entry')
    disk.plant(`${BOOT}/grubenv`, renderGrubEnvironment(cleared))
  }
  if (choice.slot === 'none') {
    node.broken.push('I1: nothing boots')
    return undefined
  }
  const id = imageInside(disk.present(slotPath(choice.slot)))
  const image = id === undefined ? undefined : node.images.get(id)
  if (image === undefined) {
    node.broken.push(`I1: slot ${choice.slot} boots and is not complete`)
    return undefined
  }
  const isTrialBoot = choice.isTrial && !node.committed.has(contentKey(node, choice.slot))
  if (isTrialBoot) checkTries(node, image)
  Object.assign(node, { booted: choice.slot, isTrialBoot })
  enterSystem(node, image, choice.isTrial)
  return image
}

function contentKey(node: SimNode, slot: SlotName): string {
  return `${slot}${node.contents[slot]}`
}

/** I9: once per arming. */
function countTrialBoot(node: SimNode, operation: string): void {
  const boots = (node.trialBoots.get(operation) ?? 0) + 1
  node.trialBoots.set(operation, boots)
  if (boots > 1) node.broken.push(`I9: operation ${operation} boots for the ${boots}th time`)
}

/** I20: an image that fell back is tried again only when a person allows it. */
function checkTries(node: SimNode, { id, behaviour }: SimImage): void {
  const failures = node.failures.get(id) ?? 0
  if (failures > (node.allowed.get(id) ?? 0))
    node.broken.push(`I20: image ${id} is tried again after ${failures} fallbacks`)
  if (behaviour !== 'good') node.failures.set(id, failures + 1)
}

function enterSystem(node: SimNode, image: SimImage, isTrial: boolean): void {
  const { disk } = node
  node.bootNumber += 1
  disk.plant('/proc/cmdline', `root=${node.booted}${isTrial ? ' kubenest.trial=1' : ''}\n`)
  disk.plant('/proc/sys/kernel/random/boot_id', `boot-${node.bootNumber}\n`)
  disk.plant('/proc/uptime', '10.00 1.0\n')
  disk.plant('/proc/mounts', image.behaviour === 'unhealthy' ? '' : 'x /persist ext4 rw 0 0\n')
  disk.plant('/etc/os-release', `PRETTY_NAME="${versionOfImage(image.id)}"\n`)
  disk.plant('/etc/kubenest/health.toml', HEALTH)
  for (const name of disk.names())
    if (name.startsWith('/run/') || name === GATE_UNIT) disk.forget(name)
  if (image.hasUnits) disk.plant(GATE_UNIT, '[Unit]\n')
}

const HEALTH = `[timings]
least_uptime_seconds = 0
wanted_wait_seconds = 0
look_interval_seconds = 1
deadline_seconds = 60
[required]
mounts = ["/persist"]
units_if_enabled = []
sockets = []
`

async function decideTrial({ deps, disk }: SimNode, { behaviour }: SimImage): Promise<void> {
  if (behaviour !== 'never-ready') {
    await gate(deps, new AbortController().signal)
    return
  }
  // Its gate waits; the deadline's unit does not.
  disk.plant('/proc/uptime', '100000.00 1.0\n')
  await deadline(deps)
}

/** The early unit, the agent, the gate or the deadline; the agent does it all without the units. */
async function startUp(node: SimNode, image: SimImage): Promise<void> {
  const { deps } = node
  if (image.hasUnits) await trialStart(deps)
  node.engine = createUpdateEngine(deps)
  await node.engine.recover()
  if (node.saysNotReady) await node.engine.report({ ready: false, reason: 'NotReady' })
  if (image.hasUnits && !node.rebootAsked) await decideTrial(node, image)
  for (let turns = 0; node.engine.hasBackgroundWork() && turns < 1_000; turns += 1)
    await new Promise((resolve) => setImmediate(resolve))
}
