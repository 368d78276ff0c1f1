// The update engine: one operation on the standby slot, armed by one write, decided by a trial.
// Decisions are in judge-boot.ts and plan-update.ts; the order of the effects is in
// prepare-slot.ts, arm-slot.ts and recover-boot.ts (reliability 4.2).
import { toOsError } from '@kubenest/base/errors'
import { findBootLayout } from '../bootloader/boot-layout.ts'
import { checkBootPartition } from '../bootloader/check-boot-partition.ts'
import { installCustomConfig } from '../bootloader/install-custom-config.ts'
import type { ImageSource } from '../sources/image-source.ts'
import { AGENT_MARKER } from './agent-marker.ts'
import { armRollback, armUpgrade } from './arm-slot.ts'
import { describeNode, problemOf, type Degradation } from './describe-node.ts'
import { digestFactorySlot } from './digest-factory-slot.ts'
import {
  changeJournal,
  createEngineContext,
  readFacts,
  type EngineContext,
  type EngineDeps,
} from './engine-context.ts'
import { prepareSlot } from './prepare-slot.ts'
import { recoverBoot, type Background } from './recover-boot.ts'
import { reportSlots } from './report-slots.ts'
import { withSlotLock } from './slot-lock.ts'
import { keepReport } from './trial.ts'
import { allowTrial } from './tries.ts'
import type { UpdateEngine } from './update-engine.ts'

export interface UpdateEngineDeps extends EngineDeps {
  readonly source: ImageSource
  /** Ends background work of the engine, with the program. */
  readonly stop: AbortSignal
}

/** Makes the engine of a node. */
export function createUpdateEngine(deps: UpdateEngineDeps): UpdateEngine {
  const context = createEngineContext(deps)
  const degraded = new Map<string, Degradation>()
  const background = createBackground(deps.stop)
  return {
    recover: () => recover(context, background, degraded, deps.source),
    prepare: (request, onProgress, signal) =>
      withStandby(context, () => prepareSlot(context, deps.source, request, onProgress, signal)),
    activate: async (extras) => {
      const { isForGood } = await withStandby(context, () => armUpgrade(context, extras))
      if (isForGood) degraded.set('NoTrial', NO_TRIAL)
    },
    rollBack: (extras) => withStandby(context, () => armRollback(context, extras)),
    reboot: deps.reboot,
    describe: () => describeNode(context, [...degraded.values()]),
    slots: () => reportSlots(context),
    report: (report) => keepReport(context, report),
    allow: async (image) => {
      const facts = await readFacts(context)
      await changeJournal(context, facts, (state) => allowTrial(state, image, undefined))
    },
    hasBackgroundWork: () => background.isRunning(),
  }
}

/** Alone on the standby slot, with a boot partition that will take the switch. */
function withStandby<T>(context: EngineContext, task: () => Promise<T>): Promise<T> {
  return withSlotLock(context, async () => {
    await checkBootPartition(context.sysroot)
    return task()
  })
}

const NO_TRIAL: Degradation = {
  reason: 'NoTrial',
  message: 'The image has a foreign agent: it is switched to for good, without a trial',
}

const FOREIGN_MENU: Degradation = {
  reason: 'CustomCfgForeign',
  message:
    'custom.cfg beside grub.cfg is not ours, so the boot menu has no fallback; slots are checked before they are armed',
}

async function recover(
  context: EngineContext,
  background: Background,
  degraded: Map<string, Degradation>,
  source: ImageSource,
): Promise<void> {
  context.log.info('update engine starts', { contract: AGENT_MARKER })
  try {
    await recoverBoot(context, background, degraded)
    await source.discard?.()
    // Last: the work folder is gone when nobody has anything in it.
    await context.backend.discardReceived()
    const { slots } = await readFacts(context)
    const { folder } = await findBootLayout(context.sysroot)
    const outcome = await installCustomConfig(context.sysroot.path(folder), slots.partuuids)
    if (outcome === 'foreign') degraded.set(FOREIGN_MENU.reason, FOREIGN_MENU)
    background.run((stop) => digestFactorySlot(context, stop))
  } catch (cause) {
    // The agent must answer `status` whatever is wrong with the disks; operations check again.
    const error = toOsError(cause)
    context.log.error('recovery failed', { code: error.code, reason: error.message })
    const problem = problemOf(error)
    degraded.set(problem.reason, problem)
  }
}

/** Work beside the requests: the agent does not end for idleness while there is some. */
function createBackground(stop: AbortSignal): Background & { isRunning(): boolean } {
  let running = 0
  return {
    run(task) {
      running += 1
      void task(stop).finally(() => {
        running -= 1
      })
    },
    isRunning: () => running > 0,
  }
}
