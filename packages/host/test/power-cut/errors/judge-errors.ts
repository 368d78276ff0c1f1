// Is what a run with failing requests left legal, and was the caller told the truth? The disk is
// judged as after any cut; beyond that nothing may be armed that is not complete, or in an attempt
// in which a flush failed, and every refusal names what it is about and what to do.
import { parseGrubEnvironment, isGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { slotOfEntry } from '../../../src/agent/bootloader/slot-of-entry.ts'
import type { DiskJudge, DiskRules } from '../disk-judge.ts'
import type { DiskState } from '../disk-states.ts'
import { readFatFolder } from '../fat-reader.ts'
import { BOOT_FOLDER, type Layout, type Region } from '../guest/node-disk.ts'
import { KEPT_FILE, KEPT_TEXT } from '../guest/record-boots.ts'
import { lookAtTree } from '../tree-look.ts'
import type { DiskEvent } from './faulty-disk.ts'

/**
 * What unmounting itself writes into a slot that a tar was unpacked into: its superblock, and that
 * of its journal. The kernel tells nobody when their flush fails, and neither holds content.
 */
const UNMOUNT_SECTORS = 4

/** What the standby slot holds when it is complete. */
export interface CompleteSlots {
  /** SHA-256 of whole slots, hex. */
  readonly slots: ReadonlySet<string>
  /** Digest of the files that the tar makes. */
  readonly tree: string
}

export interface Verdict {
  readonly isArmed: boolean
  readonly isComplete: boolean
  /** Messages of refusals. */
  readonly refusals: readonly string[]
  /** Sentences about what is broken. */
  readonly broken: readonly string[]
}

type Failure = Extract<DiskEvent, { kind: 'failed' }>

/** A call of the agent, with the requests that failed until it was answered. */
interface Answer {
  readonly method: string
  readonly refusal: string | undefined
  readonly failures: readonly Failure[]
}

/** A whole disk as a state to be judged. */
export function stateOfDisk(name: string, medium: Uint8Array, layout: Layout): DiskState {
  const bytes = (region: Region) => {
    const { start, size } = layout[region]
    return medium.slice(start, start + size)
  }
  return {
    name,
    key: (region) => `${region} ${sha256(bytes(region))}`,
    bytes,
    read: (region, at, length) => bytes(region).slice(at, at + length),
  }
}

/** The standby slot holds all of an image: `raw` by all its bytes, `tree` by its files. */
async function completeness(
  state: DiskState,
  complete: CompleteSlots,
  folder: string,
): Promise<'raw' | 'tree' | undefined> {
  if (complete.slots.has(sha256(state.bytes('B')))) return 'raw'
  const look = await lookAtTree(folder, state.bytes('B'))
  return typeof look !== 'string' && look.digest === complete.tree ? 'tree' : undefined
}

/** Judges what is left after the power went. */
export async function judgeErrors(
  judge: DiskJudge,
  state: DiskState,
  events: readonly DiskEvent[],
  complete: CompleteSlots,
  folder: string,
): Promise<Verdict> {
  const content = await completeness(state, complete, folder)
  const whole = content !== undefined
  const isArmed = armedSlot(state) === 'B'
  const rules: DiskRules = {
    complete: new Set([...complete.slots, ...(whole ? [sha256(state.bytes('B'))] : [])]),
    committed: new Set(['A']),
    persistFiles: { [KEPT_FILE]: new Set([sha256(KEPT_TEXT)]) },
    bootFiles: {},
  }
  const answers = answersIn(events)
  const refusals = answers.flatMap(({ refusal }) => (refusal === undefined ? [] : [refusal]))
  const broken = [
    ...(await judge.judge(state, rules)),
    ...(isArmed && !whole ? ['A4: slot B is armed and is not complete'] : []),
    ...judgeAnswers(answers, isArmed, content),
    ...refusals.flatMap(judgeRefusal),
  ]
  return { isArmed, isComplete: whole, refusals, broken }
}

/** The slot that the next boot would take otherwise than by falling back. */
function armedSlot(state: DiskState): 'A' | 'B' | undefined {
  const files = readFatFolder((at, length) => state.read('esp', at, length), BOOT_FOLDER)
  const block = files.get('grubenv')
  if (block === undefined || !isGrubEnvironment(block)) return undefined
  const environment = parseGrubEnvironment(block)
  return slotOfEntry(environment.get('next_entry') ?? environment.get('saved_entry'))
}

function answersIn(events: readonly DiskEvent[]): Answer[] {
  const answers: Answer[] = []
  let failures: Failure[] = []
  for (const event of events) {
    if (event.kind === 'failed') {
      failures.push(event)
      continue
    }
    const found = /^(prepare_upgrade|upgrade) (?:ok|refused ([\s\S]*))$/.exec(event.text)
    if (found === null) continue
    answers.push({ method: found[1] ?? '', refusal: found[2], failures })
    failures = []
  }
  return answers
}

function judgeAnswers(
  answers: readonly Answer[],
  isArmed: boolean,
  content: 'raw' | 'tree' | undefined,
): string[] {
  const broken: string[] = []
  for (const { method, refusal, failures } of answers) {
    const mayUnmount = method === 'prepare_upgrade' && content === 'tree'
    const lostMax = mayUnmount ? UNMOUNT_SECTORS : -1
    const isLost = failures.some(({ request, lost }) => request === 'flush' && lost > lostMax)
    if (refusal === undefined && isLost)
      broken.push(`A4: ${method} succeeded, and a flush had failed`)
  }
  const last = answers.at(-1)
  // With two failures the arming failed, and so did its taking back: no program could do more.
  if (isArmed && last?.refusal !== undefined && last.failures.length < 2)
    broken.push('A4: slot B is armed, and the caller was refused')
  return broken
}

function judgeRefusal(message: string): string[] {
  const broken: string[] = []
  if (!/^\[\w+\/[\w-]+\] Cannot /.test(message)) broken.push('is no error of the agent')
  if (message.startsWith('[bug/')) broken.push('is a bug of the agent')
  if (!/\/(?:dev|persist|boot|etc|proc|sys|run|var|usr)\b/.test(message))
    broken.push('names no device and no file')
  if (!message.includes(';')) broken.push('names no remedy')
  return broken.map((fault) => `A4: a refusal ${fault}: ${message.slice(0, 400)}`)
}

function sha256(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
}
