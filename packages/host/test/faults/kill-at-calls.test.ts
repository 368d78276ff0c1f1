// the agent is killed, with everything it has started, at every durable system call of every
// operation. Then either the next agent starts in the same boot, or the node reboots. Both must
// find a legal state without a person, and the same call must come to its end.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { gate, trialStart } from '../../src/agent/update/commands.ts'
import { canMount } from '../engine/can-mount.ts'
import { createFaultScene, NEVER, type FaultScene } from './fault-scene.ts'
import { findLeftovers, journalOf, judgeDisks, judgeSettings } from './judge-node.ts'
import { isLongForm } from './long-form.ts'
import { SCENARIOS, started, type Scenario } from './scenarios.ts'
import { chooseShots, shoot, siteOf } from './shoot.ts'

const LIMIT_MS = isLongForm ? 3_600_000 : 600_000
/** Of the many equal calls of a child (mkfs, tar); the agent's own are all shot at. */
const OF_EACH_KIND = isLongForm ? 1_000 : 24
/** What comes after the kill. */
const SEQUELS = ['restart', 'reboot'] as const

let folder = ''
/** A tar is unpacked into a file system of its own, which takes room; all else is quicker small. */
let scenes: { readonly raw: FaultScene; readonly tar: FaultScene }
let shots = 0

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'kill-at-calls-'))
  scenes = {
    raw: await createFaultScene(path.join(folder, 'raw'), { slot: 2, image: 2 }),
    tar: await createFaultScene(path.join(folder, 'tar'), { slot: 8, image: 2 }),
  }
})
afterAll(async () => {
  console.log(`R-05: ${shots} shots`)
  await fs.rm(folder, { recursive: true })
})

async function judgeAfterKill(
  scene: FaultScene,
  scenario: Scenario,
  sequel: (typeof SEQUELS)[number],
): Promise<void> {
  expect([...(await judgeDisks(scene)), ...(await judgeSettings(scene.node))]).toEqual([])
  if (sequel === 'restart') await scenario.again(scene)
  else await goOnAfterReboot(scene, scenario)
  expect(await findLeftovers(scene.node)).toEqual([])
  expect([...(await judgeDisks(scene)), ...(await judgeSettings(scene.node))]).toEqual([])
}

/** Whatever boots is complete, decides an open trial, and leaves nothing half-done. */
async function goOnAfterReboot(scene: FaultScene, scenario: Scenario): Promise<void> {
  const { node } = scene
  expect(['A', 'B']).toContain((await node.boot()).slot)
  await started(scene)
  expect(await trialStart(node.deps)).toBe(0)
  expect(await gate(node.deps, NEVER)).toBe(0)
  const phase = (await journalOf(node))?.phase ?? 'Idle'
  expect(['Idle', 'SlotVerified', 'Committed', 'FellBack']).toContain(phase)
  if (scenario.step === 'configure' || scenario.step === 'prepare') await scenario.again(scene)
}

describe('R-05: an agent that is killed at a durable system call', () => {
  for (const scenario of SCENARIOS)
    test.skipIf(scenario.image === 'tar' && !canMount)(
      `leaves a legal state: ${scenario.name}`,
      async () => {
        const scene = scenes[scenario.image ?? 'raw']
        const whole = await shoot(scene, scenario, () => 'pass')
        expect(whole.outcome).toBe('done')
        const chosen = chooseShots(whole.calls, OF_EACH_KIND)
        for (const [turn, at] of chosen.entries())
          for (const sequel of isLongForm ? SEQUELS : [SEQUELS[turn % 2] ?? 'restart']) {
            const shot = await shoot(scene, scenario, (_, index) =>
              index === at ? 'kill' : 'pass',
            )
            shots += 1
            try {
              expect(shot.stderr.replace(/^unshare: .*\n/, '')).toBe('')
              await judgeAfterKill(scene, scenario, sequel)
            } catch (cause) {
              const site = shot.calls[at] === undefined ? 'no call' : siteOf(shot.calls[at])
              const where = `${scenario.name}, call ${at}, ${site}, then ${sequel}`
              throw new Error(`${where}: ${String(cause)}`, { cause })
            }
          }
        expect(chosen.length).toBeGreaterThan(3)
      },
      LIMIT_MS,
    )
})
