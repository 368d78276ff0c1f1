// lives of simulated nodes, decided by a seed, with the shipped engine on a disk in memory
// that loses what was not flushed. The invariants of a node hold at every effect; known mistakes,
// planted into the shipped source, are found. KUBENEST_SEED chooses other lives.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { renderGrubConfig } from '@kubenest/provision/boot/grub-config'
import { renderGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { createGrubOracle } from '../grub-oracle.ts'
import { randomOf } from '../power-cut/sample-states.ts'
import { isLongForm, SEED } from './long-form.ts'
import { KNOWN_MISTAKES } from './simulation/known-mistakes.ts'
import { chooseSlot } from './simulation/sim-grub.ts'

setDefaultTimeout(isLongForm ? 7_200_000 : 600_000)

const LIVES = isLongForm ? 100_000 : 2_000
const MISTAKE_LIVES = 1_000
const STEPS_MAX = 50
const GRUB_QUESTIONS = isLongForm ? 400 : 40
/** Seeds of lives that once broke a rule. */
const REGRESSIONS: Readonly<Record<string, number>> = {
  'an interrupted write is blanked before its record is durable': 5,
  'a commit is believed that was not flushed': 131,
  'a second journal record is overwritten before the first is durable': 41,
  'a slot is blanked that the medium still calls saved': 2038,
  'a slot saved by hand is taken for an interrupted write': 20_242_026,
}

interface Outcome {
  readonly lives: number
  readonly steps: number
  readonly seed?: number
  readonly broken?: readonly string[]
  readonly story?: readonly string[]
}

let folder = ''
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'simulation-'))
  console.log(`R-15: seed ${SEED}`)
})
afterAll(() => fs.rm(folder, { recursive: true }))

/** In a process of its own: modules are replaced there. */
async function simulate(lives: number, seed: number, mistake = ''): Promise<Outcome> {
  const script = path.join(import.meta.dir, 'simulation/simulate.ts')
  const words = [String(lives), String(seed), String(STEPS_MAX), mistake]
  const child = Bun.spawn([process.execPath, script, ...words], { stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  if (stdout === '') throw new Error(`The simulation did not run: ${stderr}`)
  return JSON.parse(stdout) as Outcome
}

function variables(random: () => number): Map<string, string> {
  const found = new Map<string, string>()
  const names = ['A', 'B', 'KubeOS-A', 'KubeOS-B', 'nonsense', '']
  const pick = () => names[Math.floor(random() * names.length)] ?? ''
  if (random() < 0.9)
    found.set('saved_entry', random() < 0.7 ? (random() < 0.5 ? 'A' : 'B') : pick())
  if (random() < 0.5)
    found.set('next_entry', random() < 0.7 ? (random() < 0.5 ? 'A' : 'B') : pick())
  return found
}

describe('R-15: the update machinery on a simulated node', () => {
  test('invariants hold in every life', async () => {
    const outcome = await simulate(LIVES, SEED)
    const { broken, seed, story } = outcome
    expect({ broken, seed, story }).toEqual({
      broken: undefined,
      seed: undefined,
      story: undefined,
    })
    console.log(`R-15: ${outcome.lives} lives, ${outcome.steps} steps, 0 bad`)
  })

  for (const [name, seed] of Object.entries(REGRESSIONS))
    test(`a life that once broke a rule holds: ${name}`, async () => {
      expect((await simulate(1, seed)).broken).toBeUndefined()
    })

  for (const { name } of KNOWN_MISTAKES)
    test(`a known mistake is found: ${name}`, async () => {
      const outcome = await simulate(MISTAKE_LIVES, 1, name)
      expect(outcome.broken ?? []).not.toEqual([])
      console.log(`R-15 known mistake: life ${outcome.lives}, ${outcome.broken?.[0] ?? ''}`)
    })

  test('chooseSlot() boots what the real GRUB boots', async () => {
    const oracle = await createGrubOracle(folder)
    const random = randomOf(SEED)
    const guids = {
      partuuidA: '11111111-1111-4111-8111-111111111111',
      partuuidB: '22222222-2222-4222-8222-222222222222',
    }
    const menu = renderGrubConfig({ ...guids, menuTimeoutSeconds: 0 })
    for (let turn = 0; turn < GRUB_QUESTIONS; turn += 1) {
      const primary =
        random() < 0.15 ? new Uint8Array(1024) : renderGrubEnvironment(variables(random))
      const backup = renderGrubEnvironment(variables(random))
      const kernels = { a: random() < 0.8, b: random() < 0.8 }
      // Without any kernel the menu waits before it starts again, which is not asked about here.
      if (!kernels.a && !kernels.b) continue
      const files = { 'grub.cfg': menu, grubenv: primary, 'grubenv.bak': backup }
      const real = (await oracle.ask({ files, kernels })).slot
      const ours = chooseSlot(primary, backup, (slot) => (slot === 'A' ? kernels.a : kernels.b))
      expect([turn, ours.slot]).toEqual([turn, real])
    }
  })
})
