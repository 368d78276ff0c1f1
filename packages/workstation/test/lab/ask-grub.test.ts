// The real grub-emu decides over real disks composed from a light node's files.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs'
import * as os from 'node:os'
import path from 'node:path'
import { systemExec } from '@kubenest/base/system-exec'
import {
  parseGrubEnvironment,
  renderGrubEnvironment,
} from '@kubenest/provision/boot/grub-environment'
import { askGrub } from '../../src/lab/ask-grub.ts'
import { buildLightImage } from '../../src/lab/light-image.ts'
import {
  GRUB_FOLDER,
  LIGHT_SLOT_BYTES,
  lightNodePaths,
  renderLightGrubConfig,
} from '../../src/lab/light-layout.ts'

const partitions = {
  esp: '11111111-1111-4111-8111-111111111111',
  slotA: '22222222-2222-4222-8222-222222222222',
  slotB: '33333333-3333-4333-8333-333333333333',
  persist: '44444444-4444-4444-8444-444444444444',
}
let root: string
let paths: ReturnType<typeof lightNodePaths>

beforeEach(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'grub-'))
  paths = lightNodePaths(root)
  for (const folder of [paths.slots, `${paths.esp}/${GRUB_FOLDER}`, paths.boot])
    fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(`${paths.esp}/${GRUB_FOLDER}/grub.cfg`, renderLightGrubConfig(partitions))
  const spec = { version: 'KubeOS v1', kernel: 'boots' } as const
  await buildLightImage(systemExec, spec, `${root}/work`, paths.slotA)
  fs.copyFileSync(paths.slotA, paths.slotB)
})

afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

function setEnvironment(variables: Record<string, string>): void {
  const block = renderGrubEnvironment(new Map(Object.entries(variables)))
  fs.writeFileSync(`${paths.esp}/${GRUB_FOLDER}/grubenv`, block)
}

function environment(): Map<string, string> {
  const block = fs.readFileSync(`${paths.esp}/${GRUB_FOLDER}/grubenv`)
  return new Map(parseGrubEnvironment(block))
}

test('askGrub() boots the saved slot with its own root', async () => {
  setEnvironment({ saved_entry: 'KubeOS-B' })
  const decision = await askGrub(systemExec, paths, partitions)
  expect(decision?.slot).toBe('B')
  expect(decision?.kernelArguments).toContain(`root=PARTUUID=${partitions.slotB}`)
  expect(decision?.kernelArguments).not.toContain('kubenest.trial=1')
}, 60_000)

test('askGrub() boots a trial once, and clears it in the node’s own file', async () => {
  setEnvironment({ saved_entry: 'KubeOS-A', next_entry: 'KubeOS-B' })
  const trial = await askGrub(systemExec, paths, partitions)
  expect(trial?.slot).toBe('B')
  expect(trial?.kernelArguments).toContain('kubenest.trial=1')
  expect(environment().get('next_entry') ?? '').toBe('')
  const after = await askGrub(systemExec, paths, partitions)
  expect(after?.slot).toBe('A')
}, 60_000)

test('askGrub() falls back to the other slot when the chosen one holds no kernel', async () => {
  setEnvironment({ saved_entry: 'KubeOS-A', next_entry: 'KubeOS-B' })
  const slot = fs.openSync(paths.slotB, 'r+')
  fs.writeSync(slot, new Uint8Array(64 * 1024), 0, 64 * 1024, 0)
  fs.closeSync(slot)
  expect((await askGrub(systemExec, paths, partitions))?.slot).toBe('A')
}, 60_000)

test('askGrub() finds nothing when both slots are empty', async () => {
  setEnvironment({ saved_entry: 'KubeOS-A' })
  for (const file of [paths.slotA, paths.slotB])
    fs.writeFileSync(file, Buffer.alloc(LIGHT_SLOT_BYTES))
  expect(await askGrub(systemExec, paths, partitions)).toBeUndefined()
}, 120_000)
