// Bit rot: one bit, or 4 KiB, flipped anywhere in the standby slot, the selector, its
// backup or the journal. A rotten slot is refused before it is armed; whatever rots, a complete
// slot boots.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createFakeNode, makeImage, type FakeNode } from '../engine/fake-node.ts'
import { refusalOf, requestFor } from '../engine/requests.ts'
import { createGrubOracle } from '../grub-oracle.ts'
import { isGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { rot } from './rot.ts'
import { randomOf } from './sample-states.ts'

const SEED = Number(process.env['KUBENEST_SEED'] ?? 20_240_930)
const SLOT_BYTES = 2 * 1024 * 1024
const SLOT_FLIPS = 120
const OTHER_FLIPS = 60
const LIMIT_MS = 180_000

let folder = ''
let node: FakeNode
let sound: ReadonlyMap<string, Uint8Array>

function journalFile(): string {
  return path.join(node.root, 'persist/kubenest/journal')
}

function files(): string[] {
  const boot = [node.bootFile('grubenv'), node.bootFile('grubenv.bak')]
  return [node.slotFile('A'), node.slotFile('B'), ...boot, journalFile()]
}

/** A node whose standby slot is verified and may be armed. */
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'bit-rot-'))
  const oracle = await createGrubOracle(path.join(folder, 'oracle'))
  node = await createFakeNode(folder, { oracle, slotBytes: SLOT_BYTES, imageMib: 2 })
  await node.engine.recover()
  const image = await makeImage(folder, { version: 'v2', sizeMib: 2 })
  node.serve(image)
  const never = new AbortController().signal
  await node.engine.prepare(requestFor(image, 'v2'), () => {}, never)
  const contents = files().map(async (file) => [file, await fs.readFile(file)] as const)
  sound = new Map(await Promise.all(contents))
  console.log(`bit rot seed ${SEED}`)
}, LIMIT_MS)
afterAll(() => fs.rm(folder, { recursive: true }))

/** Rots a copy of the sound node; returns what was done, for a failing test. */
async function rotten(file: string, random: () => number): Promise<string> {
  for (const [name, content] of sound) await fs.writeFile(name, content)
  const { bytes, what } = rot(sound.get(file) ?? new Uint8Array(0), random)
  await fs.writeFile(file, bytes)
  return `seed ${SEED}: ${path.basename(file)}, ${what}`
}

async function bootedSlot(): Promise<string> {
  return (await node.boot()).slot
}

describe('R-09 bit rot', () => {
  test(
    'activate() refuses a standby slot that rotted, and leaves it unbootable',
    async () => {
      const random = randomOf(SEED)
      for (let flip = 0; flip < SLOT_FLIPS; flip += 1) {
        const what = await rotten(node.slotFile('B'), random)
        const refused = await refusalOf(node.restart().activate({}))
        expect([what, refused.code]).toEqual([what, 'slot-digest-mismatch'])
        expect([what, await bootedSlot()]).toEqual([what, 'A'])
        const head = (await fs.readFile(node.slotFile('B'))).subarray(0, 65_536)
        expect([what, head.every((byte) => byte === 0)]).toEqual([what, true])
      }
      console.log(`R-09: ${SLOT_FLIPS} rotten slots refused`)
    },
    LIMIT_MS,
  )

  for (const name of ['grubenv', 'grubenv.bak'])
    test(
      `createUpdateEngine() boots the committed slot and mends ${name} when it rots`,
      async () => {
        const random = randomOf(SEED)
        for (let flip = 0; flip < OTHER_FLIPS; flip += 1) {
          const what = await rotten(node.bootFile(name), random)
          expect([what, await bootedSlot()]).toEqual([what, 'A'])
          await node.restart().recover()
          for (const each of ['grubenv', 'grubenv.bak']) {
            const block = new Uint8Array(await fs.readFile(node.bootFile(each)))
            expect([what, each, isGrubEnvironment(block)]).toEqual([what, each, true])
          }
          expect([what, await bootedSlot()]).toEqual([what, 'A'])
        }
      },
      LIMIT_MS,
    )

  test(
    'createUpdateEngine() boots the committed slot and goes on when the journal rots',
    async () => {
      const random = randomOf(SEED)
      for (let flip = 0; flip < OTHER_FLIPS; flip += 1) {
        const what = await rotten(journalFile(), random)
        expect([what, await bootedSlot()]).toEqual([what, 'A'])
        const engine = node.restart()
        await engine.recover()
        const { degraded } = await engine.describe()
        expect([what, degraded.map((each) => each.reason)]).toEqual([what, []])
        expect([what, await bootedSlot()]).toEqual([what, 'A'])
      }
    },
    LIMIT_MS,
  )
})
