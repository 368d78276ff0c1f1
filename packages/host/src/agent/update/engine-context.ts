// What the engine, the trial units and a person's command share: the same journal, boot environment
// and slots, read afresh each time, because any of them may have changed since.
import type { Clock } from '@kubenest/base/clock'
import type { Exec } from '@kubenest/base/exec'
import { OsError } from '@kubenest/base/errors'
import { readText } from '@kubenest/base/files'
import type { Logger } from '@kubenest/base/log'
import type { SysRoot } from '@kubenest/base/sysroot'
import { createAbExt4Backend } from '../backends/ab-ext4.ts'
import type { SlotPair } from '../backends/find-slots.ts'
import type { UpdateBackend } from '../backends/update-backend.ts'
import {
  findBootEnvironment,
  type BootEnvironment,
  type BootEnvironmentView,
} from '../bootloader/boot-environment.ts'
import type { RawFiles } from '../../linux/raw-file.ts'
import type { BootFacts } from './judge-boot.ts'
import { createJournal, type Journal } from './journal.ts'
import { initialJournalState, type JournalState } from './journal-state.ts'

/** Our folder on the persist partition. */
export const JOURNAL_FOLDER = '/persist/kubenest'
/** Our volatile folder: the mark of an open trial, and what the cluster reports. */
export const RUN_FOLDER = '/run/kubenest'

export interface EngineDeps {
  readonly sysroot: SysRoot
  readonly clock: Clock
  readonly log: Logger
  readonly exec: Exec
  readonly rawFiles: RawFiles
  /** `x86_64` or `aarch64`. */
  readonly architecture: string
  /** Who must own programs of health.d. @defaultValue 0 */
  readonly ownerUid?: number
  /** Asks for an orderly reboot of the node. */
  readonly reboot: () => Promise<void>
}

export interface EngineContext extends EngineDeps {
  readonly journal: Journal
  readonly environment: BootEnvironment
  readonly backend: UpdateBackend
}

/** Facts of this boot, and where the slots are. */
export interface NodeFacts extends BootFacts {
  readonly slots: SlotPair
  /** Which copy of the boot environment could be read. */
  readonly environmentSource: BootEnvironmentView['source']
}

/** Binds the parts to a system. */
export function createEngineContext(deps: EngineDeps): EngineContext {
  return {
    ...deps,
    journal: createJournal({ ...deps, folder: deps.sysroot.path(JOURNAL_FOLDER) }),
    environment: findBootEnvironment(deps.sysroot, deps.rawFiles),
    backend: createAbExt4Backend(deps),
  }
}

/** Reads everything a decision needs. */
export async function readFacts(context: EngineContext): Promise<NodeFacts> {
  const slots = await context.backend.findSlots()
  const [journal, view, bootId] = await Promise.all([
    context.journal.read(),
    context.environment.read(),
    readBootId(context.sysroot),
  ])
  return {
    slots,
    booted: slots.booted,
    bootId,
    journal: journal ?? initialJournalState(slots.booted),
    environment: view.environment,
    environmentSource: view.source,
  }
}

/** Changes the journal; durable when it resolves. */
export function changeJournal(
  context: EngineContext,
  facts: Pick<BootFacts, 'booted'>,
  change: (state: JournalState) => JournalState,
): Promise<JournalState> {
  return context.journal.change(initialJournalState(facts.booted), change)
}

/** The kernel's id of this boot. */
export async function readBootId(sysroot: SysRoot): Promise<string> {
  const text = await readText(sysroot.path('/proc/sys/kernel/random/boot_id'))
  if (text === undefined)
    throw new OsError('host', {
      code: 'boot-id-unknown',
      message: 'Cannot tell this boot: /proc/sys/kernel/random/boot_id does not exist; mount /proc',
    })
  return text.trim()
}

/** Time stamp of the wall clock, RFC 3339. */
export function timestamp(clock: Clock): string {
  return new Date(clock.nowMs()).toISOString()
}
