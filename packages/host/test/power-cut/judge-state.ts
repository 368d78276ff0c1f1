// Is a state after a power cut legal? One function per invariant of reliability section 3; the boot
// decision is the real GRUB's.
import { slotOfEntry } from '../../src/agent/bootloader/slot-of-entry.ts'
import {
  JOURNAL_RECORD_BYTES,
  newestRecord,
  parseJournalRecord,
} from '../../src/agent/update/journal-record.ts'
import type { JournalState } from '../../src/agent/update/journal-state.ts'
import { sha256Bytes } from '../../src/linux/sha256.ts'
import { isGrubEnvironment, parseGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { hasKernelInside } from '../engine/fake-node.ts'
import type { GrubOracle } from '../grub-oracle.ts'
import type { Files } from './write-log.ts'

/** Where things are, and which contents of a slot are complete. */
export interface JudgeContext {
  readonly oracle: GrubOracle
  readonly menu: Uint8Array
  readonly paths: {
    readonly a: string
    readonly b: string
    readonly environment: string
    readonly backup: string
    readonly journal: string
  }
  /** SHA-256 of complete contents, hex. */
  readonly complete: ReadonlySet<string>
  /** Slots whose present content has committed. */
  readonly committed: ReadonlySet<string>
}

/** Sentences about what is broken; empty for a legal state. */
export async function judgeState(context: JudgeContext, files: Files): Promise<string[]> {
  return [
    ...(await judgeBootable(context, files)),
    ...judgeSavedEntry(files.get(context.paths.environment), context.committed),
    ...judgeJournal(files.get(context.paths.journal), files.get(context.paths.environment)),
  ]
}

/** I1: a complete slot boots without a person. */
async function judgeBootable(context: JudgeContext, files: Files): Promise<string[]> {
  const { a, b, environment, backup } = context.paths
  const slots = { A: files.get(a) ?? empty(), B: files.get(b) ?? empty() }
  const present: Record<string, Uint8Array> = { 'grub.cfg': context.menu }
  const primary = files.get(environment)
  const second = files.get(backup)
  if (primary !== undefined) present['grubenv'] = primary
  if (second !== undefined) present['grubenv.bak'] = second
  const looks = { A: await lookAt(slots.A), B: await lookAt(slots.B) }
  const kernels = { a: looks.A.hasKernel, b: looks.B.hasKernel }
  const answer = await context.oracle.ask({ files: present, kernels })
  if (answer.slot === 'none') return ['I1: nothing boots']
  return context.complete.has(looks[answer.slot].digest)
    ? []
    : [`I1: slot ${answer.slot} boots and is not complete`]
}

interface SlotLook {
  readonly hasKernel: boolean
  readonly digest: string
}

// States share the contents that they do not change, so most slots were looked at before.
const looks = new WeakMap<Uint8Array, Promise<SlotLook>>()

function lookAt(slot: Uint8Array): Promise<SlotLook> {
  const known = looks.get(slot)
  if (known !== undefined) return known
  const digest = Buffer.from(sha256Bytes(slot)).toString('hex')
  const look = hasKernelInside(slot).then((hasKernel) => ({ hasKernel, digest }))
  looks.set(slot, look)
  return look
}

/** I2: the saved entry names a slot that has committed. A block that is not valid names none. */
export function judgeSavedEntry(
  block: Uint8Array | undefined,
  committed: ReadonlySet<string>,
): string[] {
  if (block === undefined) return ['I6: the environment is gone']
  try {
    const slot = slotOfEntry(parseGrubEnvironment(block).get('saved_entry'))
    if (slot === undefined || committed.has(slot)) return []
    return [`I2: saved_entry names ${slot}, which has not committed`]
  } catch (error) {
    return [`I6: ${error instanceof Error ? error.message : String(error)}`]
  }
}

/**
 * I14 and I22: a record survives every cut, and it says "committed" only after the commit is
 * durable.
 */
export function judgeJournal(
  journal: Uint8Array | undefined,
  environment: Uint8Array | undefined,
): string[] {
  const state = journalIn(journal)
  if (state === undefined) return ['I14: no journal record is valid']
  const target = state.phase === 'Committed' ? state.operation?.target : undefined
  if (target === undefined || savedSlot(environment) === target) return []
  return [`I22: the journal says committed and saved_entry does not name ${target}`]
}

/** What the journal's file says; `undefined` when no record is valid. */
export function journalIn(journal: Uint8Array | undefined): JournalState | undefined {
  const bytes = journal ?? empty()
  const records = [0, 1].map((place) =>
    parseJournalRecord(
      bytes.subarray(place * JOURNAL_RECORD_BYTES, (place + 1) * JOURNAL_RECORD_BYTES),
      sha256Bytes,
    ),
  )
  return newestRecord(records)?.state
}

function savedSlot(block: Uint8Array | undefined): 'A' | 'B' | undefined {
  if (block === undefined || !isGrubEnvironment(block)) return undefined
  return slotOfEntry(parseGrubEnvironment(block).get('saved_entry'))
}

function empty(): Uint8Array {
  return new Uint8Array(0)
}
