// The operations that are cut off: where each begins, and what must come of it when it is called
// again.
import { expect } from 'bun:test'
import { createSettings } from '../../src/agent/settings/settings.ts'
import { deadline, gate, trialStart } from '../../src/agent/update/commands.ts'
import { writeKernelValue } from '../../src/linux/kernel-value.ts'
import type { UpdateEngine } from '../../src/agent/update/update-engine.ts'
import { requestFor, until } from '../engine/requests.ts'
import { NEVER, type Beginning, type FaultScene } from './fault-scene.ts'
import { journalOf } from './judge-node.ts'
import { OPERATION, SETTINGS, type Step } from './steps.ts'

export interface Scenario {
  readonly name: string
  readonly beginning: Beginning
  readonly step: Step
  readonly image?: 'raw' | 'tar'
  /** A second start in the same boot, the same call, and its full effect. */
  readonly again: (scene: FaultScene) => Promise<void>
}

export const SCENARIOS: readonly Scenario[] = [
  prepareOf('prepare raw', 'fresh', 'raw'),
  prepareOf('prepare tar', 'fresh', 'tar'),
  prepareOf('prepare on a node of others', 'foreign', 'raw'),
  { name: 'upgrade', beginning: 'verified', step: 'upgrade', again: upgradeAgain },
  { name: 'rollback', beginning: 'committed', step: 'rollback', again: rollBackAgain },
  { name: 'configure', beginning: 'fresh', step: 'configure', again: configureAgain },
  { name: 'commit', beginning: 'trial', step: 'commit', again: commitAgain },
  { name: 'deadline', beginning: 'late', step: 'deadline', again: deadlineAgain },
  { name: 'note a fallback', beginning: 'returned', step: 'recover', again: noteAgain },
  { name: 'adopt a node of others', beginning: 'foreign', step: 'recover', again: adoptAgain },
]

function prepareOf(name: string, beginning: Beginning, image: 'raw' | 'tar'): Scenario {
  return {
    name,
    beginning,
    step: 'prepare',
    image,
    async again(scene) {
      const { bytes } = scene[image]
      const engine = await started(scene)
      scene.node.serve(bytes)
      await engine.prepare({ ...requestFor(bytes, 'v2'), ...OPERATION }, () => {}, NEVER)
      expect((await engine.describe()).slots[1]?.state).toBe('verified')
      await engine.activate(OPERATION)
      expect((await scene.node.boot()).slot).toBe('B')
    },
  }
}

/** The next agent: nothing is wrong, and its work in the background has ended. */
export async function started({ node }: FaultScene): Promise<UpdateEngine> {
  const engine = node.restart()
  await engine.recover()
  await until('the end of the background work', async () => !engine.hasBackgroundWork())
  const reasons = (await engine.describe()).degraded.map((each) => each.reason)
  // A factory slot without a digest yet may be armed for a rollback: said, and not a fault.
  expect(reasons.filter((reason) => reason !== 'UnverifiedSlot')).toEqual([])
  return engine
}

async function upgradeAgain(scene: FaultScene): Promise<void> {
  await (await started(scene)).activate(OPERATION)
  expect((await scene.node.boot()).slot).toBe('B')
}

async function rollBackAgain(scene: FaultScene): Promise<void> {
  await (await started(scene)).rollBack(OPERATION)
  expect((await scene.node.boot()).slot).toBe('A')
}

async function configureAgain({ node }: FaultScene): Promise<void> {
  const ownerUid = process.getuid?.() ?? 0
  await createSettings({ ...node.deps, ownerUid, writeKernelValue }).configure({
    configs: [...SETTINGS],
  })
}

async function commitAgain(scene: FaultScene): Promise<void> {
  const { node } = scene
  await started(scene)
  expect(await trialStart(node.deps)).toBe(0)
  expect(await gate(node.deps, NEVER)).toBe(0)
  expect((await journalOf(node))?.phase).toBe('Committed')
  expect((await node.boot()).slot).toBe('B')
}

async function deadlineAgain(scene: FaultScene): Promise<void> {
  const { node } = scene
  await started(scene)
  expect(await trialStart(node.deps)).toBe(0)
  expect(await deadline(node.deps)).toBe(0)
  expect((await node.boot()).slot).toBe('A')
  await started(scene)
  expect((await journalOf(node))?.trial?.verdict).toBe('TrialUnhealthy')
}

async function noteAgain(scene: FaultScene): Promise<void> {
  await started(scene)
  const journal = await journalOf(scene.node)
  expect([journal?.phase, journal?.trial?.verdict]).toEqual(['FellBack', 'TrialInterrupted'])
  expect(journal?.tries[0]?.failures).toBe(1)
}

async function adoptAgain(scene: FaultScene): Promise<void> {
  await started(scene)
  expect(await Bun.file(scene.node.bootFile('custom.cfg')).exists()).toBe(true)
  expect(await Bun.file(scene.node.bootFile('grubenv.bak')).exists()).toBe(true)
}
