// What happens to a simulated node: requests of the proxy, persons, mishaps. One seed decides all.
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import { createUpdateEngine } from '../../../src/agent/update/engine.ts'
import { otherSlot } from '../../../src/agent/update/journal-state.ts'
import { randomOf } from '../../power-cut/sample-states.ts'
import { slotPath } from './sim-backend.ts'
import { cutPower, endLife, reboot, runProgram, type Mishap, type ProgramEnd } from './sim-boot.ts'
import { variablesOf } from './sim-grub.ts'
import {
  digestOfImage,
  imageInside,
  isBootable,
  versionOfImage,
  type Behaviour,
  type SimImage,
} from './sim-images.ts'
import { BOOT, createSimNode, type SimNode } from './sim-node.ts'
import { checkArmed, checkStatus, checkStep } from './sim-rules.ts'

const IMAGES_MAX = 250
const LAST_IMAGE = 255
const BEHAVIOURS: readonly Behaviour[] = [
  'good',
  'good',
  'good',
  'panics',
  'unhealthy',
  'never-ready',
]

export interface SimResult {
  readonly steps: number
  readonly broken: readonly string[]
  readonly story: readonly string[]
}

/** One life of a node: up to `stepsMax` steps, then it must still take a good image. */
export async function simulateLife(seed: number, stepsMax: number): Promise<SimResult> {
  const node = createSimNode(randomOf(seed))
  await reboot(node)
  // Many short lives find more than few long ones.
  const count = 1 + Math.floor(node.random() ** 2 * stepsMax)
  let steps = 0
  for (; steps < count && node.broken.length === 0; steps += 1) {
    await takeStep(node)
    checkStep(node)
    if (node.broken.length === 0) await checkStatus(node)
  }
  if (node.broken.length === 0) await recoverForGood(node)
  return { steps, broken: node.broken, story: node.story }
}

async function takeStep(node: SimNode): Promise<void> {
  const steps: readonly [weight: number, name: string, (node: SimNode) => Promise<void>][] = [
    [6, 'prepare', prepare],
    [6, 'upgrade', (each) => arm(each, 'upgrade')],
    [2, 'rollback', (each) => arm(each, 'rollback')],
    [1, 'restart', restart],
    [1, 'reboot', (each) => reboot(each, mishapOf(each))],
    [1, 'cut', (each) => cutPower(each, mishapOf(each))],
    [1, 'allow', allow],
    [1, 'rot', rot],
    [1, 'by hand', bootByHand],
    [1, 'clock', jump],
  ]
  const total = steps.reduce((sum, [weight]) => sum + weight, 0)
  let place = node.random() * total
  for (const [weight, name, step] of steps) {
    place -= weight
    if (place >= 0) continue
    node.story.push(name)
    return step(node)
  }
}

function mishapOf({ random, story }: SimNode): Mishap | undefined {
  if (random() < 0.55) return undefined
  const kinds = ['kill', 'cut', 'kill', 'cut', 'EIO', 'ENOSPC'] as const
  const what = kinds[Math.floor(random() * kinds.length)] ?? 'cut'
  const mishap = { at: 1 + Math.floor(random() * 24), what }
  story.push(`  ${what} at effect ${mishap.at}`)
  return mishap
}

/** A kill is followed by the next agent, a cut by the next boot. */
async function goOn(node: SimNode, end: ProgramEnd): Promise<void> {
  if (end === 'cut') await cutPower(node)
  if (end === 'killed') await restart(node)
}

async function restart(node: SimNode): Promise<void> {
  endLife(node)
  const end = await runProgram(node, mishapOf(node), async () => {
    node.engine = createUpdateEngine(node.deps)
    await node.engine.recover()
  })
  await goOn(node, end)
}

async function prepare(node: SimNode): Promise<void> {
  const image = chooseImage(node)
  const isOther = node.random() < 0.1
  node.served = { bytesOf: isOther ? (image.id % LAST_IMAGE) + 1 : image.id }
  const stop = new AbortController()
  const isCancelled = node.random() < 0.05
  const end = await runProgram(node, mishapOf(node), async () => {
    const done = node.engine.prepare(
      requestOf(image),
      () => isCancelled && stop.abort(),
      stop.signal,
    )
    await done
    if (isOther && variableOf(node, 'next_entry') === undefined) checkRefused(node, image)
  })
  await goOn(node, end)
}

/** I24: bytes that are not those that were promised never become a verified slot. */
function checkRefused(node: SimNode, image: SimImage): void {
  const inside = imageInside(node.disk.present(slotPath(otherSlot(node.booted))))
  if (inside !== undefined && inside !== image.id)
    node.broken.push('I24: other bytes than promised were accepted')
}

function chooseImage(node: SimNode): SimImage {
  const { images, random } = node
  const known = [...images.values()]
  const again = known[Math.floor(random() * known.length)]
  if (again !== undefined && (random() < 0.35 || images.size >= IMAGES_MAX)) return again
  const behaviour = BEHAVIOURS[Math.floor(random() * BEHAVIOURS.length)] ?? 'good'
  // The deadline is a unit: an agent alone would wait for ever.
  const hasUnits = behaviour === 'never-ready' || random() < 0.8
  const image = { id: images.size + 1, behaviour, hasUnits }
  images.set(image.id, image)
  return image
}

function requestOf({ id }: SimImage): PrepareUpgradeParams {
  return {
    version: versionOfImage(id),
    check_sum: digestOfImage(id),
    image_type: 'disk',
    container_image: '',
    image_url: 'http://x/y',
    flag_safe: true,
    mtls: false,
    certs: { ca_cert: '', client_cert: '', client_key: '' },
  }
}

async function arm(node: SimNode, kind: 'upgrade' | 'rollback'): Promise<void> {
  const end = await runProgram(node, mishapOf(node), () =>
    kind === 'upgrade' ? node.engine.activate({}) : node.engine.rollBack({}),
  )
  if (end === 'killed' || end === 'cut') return goOn(node, end)
  if (end === 'done') checkArmed(node)
  node.saysNotReady = node.random() < 0.1
  if (end === 'done' && node.random() < 0.85)
    await (node.random() < 0.5 ? reboot(node, mishapOf(node)) : cutPower(node, mishapOf(node)))
}

async function allow(node: SimNode): Promise<void> {
  const known = [...node.images.values()]
  const image = known[Math.floor(node.random() * known.length)]
  if (image === undefined) return
  node.allowed.set(image.id, (node.allowed.get(image.id) ?? 0) + 1)
  const identity = { digest: digestOfImage(image.id), version: versionOfImage(image.id) }
  await goOn(node, await runProgram(node, mishapOf(node), () => node.engine.allow(identity)))
}

/** A bit flips in the slot that nobody uses. */
async function rot(node: SimNode): Promise<void> {
  const slot = otherSlot(node.booted)
  const isUsed = ['saved_entry', 'next_entry'].some((name) => variableOf(node, name) === slot)
  const content = node.disk.present(slotPath(slot))?.slice()
  if (isUsed || content === undefined) return
  const place = 512 + Math.floor(node.random() * (content.length - 512))
  content[place] = (content[place] ?? 0) ^ 1
  node.disk.plant(slotPath(slot), content)
  node.rotten.add(slot)
}

/** A person takes the other entry of the menu, where there is a whole system behind it. */
async function bootByHand(node: SimNode): Promise<void> {
  const slot = otherSlot(node.booted)
  const content = node.disk.present(slotPath(slot))
  const isWhole = isBootable(content) && imageInside(content) !== undefined
  if (isWhole) await reboot(node, mishapOf(node), slot)
}

async function jump(node: SimNode): Promise<void> {
  node.clockMs += Math.floor((node.random() - 0.3) * 86_400_000)
}

function variableOf(node: SimNode, name: string): string | undefined {
  return variablesOf(node.disk.present(`${BOOT}/grubenv`)).get(name)
}

/** I19 and I23: whatever has happened, a good image still gets through, without a person. */
async function recoverForGood(node: SimNode): Promise<void> {
  node.saysNotReady = false
  const image: SimImage = { id: LAST_IMAGE, behaviour: 'good', hasUnits: true }
  node.images.set(image.id, image)
  node.served = { bytesOf: image.id }
  node.story.push('a good image')
  await reboot(node)
  if (node.broken.length > 0) return
  const target = otherSlot(node.booted)
  const end = await runProgram(node, undefined, async () => {
    await node.engine.prepare(requestOf(image), () => undefined, new AbortController().signal)
    await node.engine.activate({})
  })
  if (end === 'done') await reboot(node)
  const isThere = node.booted === target && variableOf(node, 'saved_entry') === target
  if (!isThere && node.broken.length === 0)
    node.broken.push('I19: a good image does not get through')
}
