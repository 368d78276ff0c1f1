// The invariants of reliability section 3 that concern a node, over the disk in memory. Each broken
// one is a sentence that begins with its number.
import { TRIAL_VARIABLE } from '../../../src/agent/update/judge-boot.ts'
import {
  JOURNAL_RECORD_BYTES,
  newestRecord,
  parseJournalRecord,
} from '../../../src/agent/update/journal-record.ts'
import {
  otherSlot,
  type JournalState,
  type SlotName,
} from '../../../src/agent/update/journal-state.ts'
import { slotOfEntry } from '../../../src/agent/bootloader/slot-of-entry.ts'
import { sha256Bytes } from '../../../src/linux/sha256.ts'
import { isGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { slotPath } from './sim-backend.ts'
import type { Effect, View } from './sim-disk.ts'
import { chooseSlot, variablesOf } from './sim-grub.ts'
import { imageInside, isBootable } from './sim-images.ts'
import { BOOT, OTHERS, type SimNode } from './sim-node.ts'

const PRIMARY = `${BOOT}/grubenv`
const BACKUP = `${BOOT}/grubenv.bak`
const JOURNAL = '/persist/kubenest/journal'
const SLOTS = ['A', 'B'] as const

// Contents of the disk never change in place: a write makes another array.
const journals = new WeakMap<Uint8Array, { readonly state: JournalState | undefined }>()

/** What the medium's journal says. */
function journalIn(view: View): JournalState | undefined {
  const bytes = view(JOURNAL)
  if (bytes === undefined) return undefined
  const known = journals.get(bytes)
  if (known !== undefined) return known.state
  const state = parseJournal(bytes)
  journals.set(bytes, { state })
  return state
}

function parseJournal(bytes: Uint8Array): JournalState | undefined {
  const records = [0, 1].map((place) =>
    parseJournalRecord(
      bytes.subarray(place * JOURNAL_RECORD_BYTES, (place + 1) * JOURNAL_RECORD_BYTES),
      sha256Bytes,
    ),
  )
  return newestRecord(records)?.state
}

/** Before an effect: may this slot be written now (I4, I5)? */
export function checkBefore(node: SimNode, { kind, path }: Effect): void {
  const slot = SLOTS.find((each) => slotPath(each) === path)
  if (slot === undefined || kind !== 'write') return
  if (slot === node.booted) node.broken.push(`I4: slot ${slot} is written while it runs`)
  for (const view of [node.disk.durable, node.disk.present]) {
    const variables = variablesOf(view(PRIMARY))
    for (const name of ['saved_entry', 'next_entry'])
      if (slotOfEntry(variables.get(name)) === slot)
        node.broken.push(`I4: slot ${slot} is written while it is ${name}`)
  }
  const state = journalIn(node.disk.durable)?.slots[slot].state
  if (state !== 'writing') node.broken.push(`I5: slot ${slot} is written while it is ${state}`)
  node.contents[slot] += 1
}

/** After an effect. */
export function checkAfter(node: SimNode, { path }: Effect): void {
  if (path.startsWith(BOOT)) checkBootFolder(node)
  if (path === JOURNAL) checkJournal(node)
  const slot = SLOTS.find((each) => slotPath(each) === path)
  if (slot !== undefined && slot !== node.booted) checkStandby(node, slot)
}

function checkBootFolder(node: SimNode): void {
  const { disk, broken } = node
  const pending = disk.pendingFiles().filter((file) => file === PRIMARY || file === BACKUP)
  if (pending.length > 1) broken.push('I6: both blocks are in one flush')
  for (const view of [disk.durable, disk.present]) {
    const block = view(PRIMARY)
    if (block === undefined || !isValid(block)) broken.push('I6: grubenv is not valid')
    checkSaved(node, view)
    checkNext(node, view)
  }
}

/** I14: a record survives every cut. I22: it says committed only after the commit is durable. */
function checkJournal(node: SimNode): void {
  const { disk, random } = node
  const journal = journalIn(disk.durable)
  if (journal !== undefined && journalIn(disk.afterCut(random, random())) === undefined)
    node.broken.push('I14: a cut leaves no valid journal')
  const target = journal?.phase === 'Committed' ? journal.operation?.target : undefined
  if (target !== undefined && !node.committedForGood.has(`${target}${node.contents[target]}`))
    node.broken.push('I22: the journal says committed and saved_entry never did')
}

const valid = new WeakMap<Uint8Array, boolean>()

function isValid(block: Uint8Array): boolean {
  const known = valid.get(block) ?? isGrubEnvironment(block)
  valid.set(block, known)
  return known
}

/** I2 and I10: only what has committed, or what passes its gate in this very boot. */
function checkSaved(node: SimNode, view: View): void {
  const saved = slotOfEntry(variablesOf(view(PRIMARY)).get('saved_entry'))
  if (saved === undefined) return
  const content = `${saved}${node.contents[saved]}`
  if (view === node.disk.durable) node.committedForGood.add(content)
  if (node.committed.has(content)) return
  if (saved === node.booted && isHealthy(node)) node.committed.add(content)
  else node.broken.push(`I2: saved_entry names ${saved}, which has not passed a gate`)
}

function isHealthy(node: SimNode): boolean {
  const id = imageInside(node.disk.present(slotPath(node.booted)))
  const image = id === undefined ? undefined : node.images.get(id)
  return image?.behaviour === 'good' && !node.saysNotReady
}

/** I3 and I14: an armed slot is complete, and the journal knows of it. */
function checkNext(node: SimNode, view: View): void {
  const variables = variablesOf(view(PRIMARY))
  const next = slotOfEntry(variables.get('next_entry'))
  if (next === undefined) return
  if (imageInside(node.disk.durable(slotPath(next))) === undefined)
    node.broken.push(`I3: next_entry names ${next}, which is not complete`)
  const journal = journalIn(node.disk.durable)
  const isKnown = journal?.operation?.id === variables.get(TRIAL_VARIABLE)
  if (!isKnown) node.broken.push('I14: a slot is armed and the journal does not know the operation')
}

/** I5 and I24: whatever has a head is complete and is what was promised. */
function checkStandby(node: SimNode, slot: SlotName): void {
  const content = node.disk.durable(slotPath(slot))
  if (!isBootable(content)) node.rotten.delete(slot)
  if (isBootable(content) && imageInside(content) === undefined && !node.rotten.has(slot))
    node.broken.push(`I5: slot ${slot} has a head and is not complete`)
}

/** After a step: what would boot now, and after a cut; and what of others is still there. */
export function checkStep(node: SimNode): void {
  const { disk, random } = node
  const views: [string, View][] = [
    ['now', disk.present],
    ['after a cut that loses all', disk.durable],
    ['after a cut', disk.afterCut(random, random())],
  ]
  for (const [when, view] of views) checkBoots(node, when, view)
  if (disk.durable(OTHERS)?.length !== 4) node.broken.push('I12: data of others is gone')
}

function checkBoots(node: SimNode, when: string, view: View): void {
  const contentOf = (slot: SlotName) => view(slotPath(slot))
  const { slot } = chooseSlot(view(PRIMARY), view(BACKUP), (each) => isBootable(contentOf(each)))
  if (slot === 'none') node.broken.push(`I1: nothing boots ${when}`)
  else if (imageInside(contentOf(slot)) === undefined)
    node.broken.push(`I1: slot ${slot} boots ${when} and is not complete`)
}

/** A promise of an operation that has returned: the other slot is armed, durably. */
export function checkArmed(node: SimNode): void {
  const next = slotOfEntry(variablesOf(node.disk.durable(PRIMARY)).get('next_entry'))
  if (next !== otherSlot(node.booted)) node.broken.push('I22: armed, and next_entry is not durable')
}

/** I22: status tells of a slot only what is so. */
export async function checkStatus(node: SimNode): Promise<void> {
  const { slots, trial } = await node.engine.describe()
  for (const slot of slots)
    if (slot.state === 'verified' && !node.rotten.has(slot.name))
      if (imageInside(node.disk.durable(slotPath(slot.name))) === undefined)
        node.broken.push(`I22: status calls slot ${slot.name} verified and it is not complete`)
  const saved = slotOfEntry(variablesOf(node.disk.durable(PRIMARY)).get('saved_entry'))
  if (trial?.verdict === 'Committed' && saved !== node.booted)
    node.broken.push('I22: status says committed before it is')
}
