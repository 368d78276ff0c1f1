// After a cut: GRUB decides, the guest boots what it chose, its agent tells its verdict and is
// asked for the upgrade again, until the node is at rest. No person does anything, no fsck runs.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { TRIAL_ARGUMENT } from '@kubenest/provision/boot/grub-config'
import type { JournalState } from '../../src/agent/update/journal-state.ts'
import { bootDisk } from '../grub-oracle.ts'
import { stateOfEnd, type DiskState } from './disk-states.ts'
import { layoutOf, REGIONS } from './guest/node-disk.ts'
import { bootOf, type GuestParts } from './guest/record-boots.ts'
import { runGuest, VERDICT_WORD } from './guest/run-guest.ts'
import { journalIn } from './judge-state.ts'
import { looksOfPersist } from './persist-look.ts'
import type { CutStage } from './real-cuts.ts'
import { cutRules } from './replay-rules.ts'

/** The cut boot again, the trial of its upgrade, and one for a surprise. */
const BOOTS_MAX = 3

export interface Journey {
  /** Slot and verdict of each boot, then the slot that boots from now on. */
  readonly steps: readonly string[]
  /** Sentences about what is not as it must be. */
  readonly bad: readonly string[]
}

/** Boots a disk that a cut may have left until the node is at rest. */
export async function goOn(parts: GuestParts, stage: CutStage, state: DiskState): Promise<Journey> {
  const disk = path.join(parts.folder, 'cut.img')
  await writeState(disk, stage.base, state, parts.slotMib)
  const persist = await looksOfPersist(path.join(parts.folder, 'go-on')).look(state, [])
  const steps: string[] = []
  try {
    for await (const step of bootUntilAtRest(parts, disk)) steps.push(step)
  } catch (error) {
    return { steps, bad: [`${state.name}: does not go on: ${String(error)}`] }
  }
  const wanted = wantedSteps(journalIn(persist.journal), steps[0] ?? '')
  const isRight = steps.join() === wanted.join()
  const wrong = isRight ? [] : [`went ${steps.join(', ')}, not ${wanted.join(', ')}`]
  const bad = [...wrong, ...(await judgeRest(parts, stage, disk))]
  return { steps, bad: bad.map((each) => `${state.name}: ${each}`) }
}

async function* bootUntilAtRest(parts: GuestParts, disk: string): AsyncGenerator<string> {
  for (let boots = 0; boots < BOOTS_MAX; boots += 1) {
    const { slot, kernelArguments } = await bootDisk(`${disk}.grub`, disk)
    const isTrial = kernelArguments.includes(TRIAL_ARGUMENT)
    if (slot === 'none' || (boots > 0 && !isTrial)) return yield slot
    yield `${slot} ${await bootOnce(parts, disk, kernelArguments)}`
  }
}

/** The same judge as for the cut. */
async function judgeRest(parts: GuestParts, stage: CutStage, disk: string): Promise<string[]> {
  const end = new Uint8Array(await fs.readFile(disk))
  const { base } = stage
  const rest = stateOfEnd({ name: 'at rest', layout: layoutOf(parts.slotMib), base, end })
  const broken = await stage.judge.judge(rest, cutRules(parts, 'commit'))
  return broken.map((each) => `at rest: ${each}`)
}

/** The table of reliability 4.7, from what the journal held when the power went. */
function wantedSteps(journal: JournalState | undefined, first: string): readonly string[] {
  if (first.startsWith('B')) return ['B Committed', 'B']
  if (journal?.phase !== 'Armed') return ['A none', 'B Committed', 'B']
  const isStarted = journal.trial?.startedBootId !== undefined
  return [isStarted ? 'A TrialInterrupted' : 'A TrialNotReached', 'A']
}

async function bootOnce(
  parts: GuestParts,
  disk: string,
  kernelArguments: readonly string[],
): Promise<string> {
  const boot = bootOf(parts, disk, 'after-cut', kernelArguments)
  await runGuest(boot)
  const screen = await fs.readFile(boot.console, 'utf8')
  return new RegExp(`^${VERDICT_WORD} (\\S+)`, 'm').exec(screen)?.[1] ?? 'no verdict'
}

async function writeState(
  disk: string,
  base: Uint8Array,
  state: DiskState,
  slotMib: number,
): Promise<void> {
  const bytes = base.slice()
  const layout = layoutOf(slotMib)
  for (const region of REGIONS) bytes.set(state.bytes(region), layout[region].start)
  await fs.writeFile(disk, bytes)
}
