// Nodes that others built, and images of theirs with and without our agent (decisions 18 and 26).
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import {
  parseGrubEnvironment,
  renderGrubEnvironment,
} from '@kubenest/provision/boot/grub-environment'
import { gate } from '../../src/agent/update/commands.ts'
import { FOREIGN_MENU } from '../foreign-menu.ts'
import { createFakeNode, makeImage, type FakeNode, type ImageOptions } from './fake-node.ts'
import { refusalOf, requestFor, until } from './requests.ts'

// Real GRUB on a machine that does other things, too.
setDefaultTimeout(60_000)

const never = new AbortController().signal
let folder = ''
let node: FakeNode

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'retrofit-'))
})
afterEach(() => fs.rm(folder, { recursive: true }))

/** A node of theirs: the documented menu, no journal, no units of ours. */
async function adopt(environment?: Record<string, string>): Promise<void> {
  node = await createFakeNode(folder, { menu: FOREIGN_MENU, wholeUnits: false })
  await fs.rm(node.bootFile('grubenv'))
  if (environment !== undefined) await writeEnvironment(environment)
  await node.engine.recover()
}

async function writeEnvironment(variables: Record<string, string>): Promise<void> {
  await fs.writeFile(
    node.bootFile('grubenv'),
    renderGrubEnvironment(new Map(Object.entries(variables))),
  )
}

async function readEnvironment(name = 'grubenv'): Promise<Record<string, string>> {
  const block = new Uint8Array(await fs.readFile(node.bootFile(name)))
  return Object.fromEntries(parseGrubEnvironment(block))
}

async function upgrade(options: ImageOptions): Promise<void> {
  const image = await makeImage(folder, options)
  node.serve(image)
  await node.engine.prepare(requestFor(image, options.version), () => {}, never)
  await node.engine.activate({})
}

async function start() {
  const engine = node.restart()
  await engine.recover()
  return engine
}

describe('a node built by others', () => {
  test('recover() gives it a saved entry, a backup and our custom.cfg, and keeps their variables', async () => {
    await adopt({ menu_auto_hide: '1', boot_success: '1' })
    expect(await readEnvironment()).toEqual({
      menu_auto_hide: '1',
      boot_success: '1',
      saved_entry: 'A',
    })
    expect(await readEnvironment('grubenv.bak')).toEqual({ saved_entry: 'A' })
    expect(await fs.readFile(node.bootFile('custom.cfg'), 'utf8')).toContain('KubeNest-B')
    expect(await fs.readFile(node.bootFile('grub.cfg'), 'utf8')).toBe(FOREIGN_MENU)
    expect((await node.boot()).slot).toBe('A')
  })

  test('recover() makes the boot environment that a node of theirs may lack', async () => {
    await adopt()
    expect(await readEnvironment()).toEqual({ saved_entry: 'A' })
  })

  test('engine tries an image with our agent and without our units, and gates it itself', async () => {
    await adopt({ saved_entry: 'A' })
    await upgrade({ version: 'v2', units: false })
    expect((await readEnvironment())['saved_entry']).toBe('A')
    expect((await node.boot()).slot).toBe('B')
    const engine = await start()
    expect((await engine.describe()).degraded.map(({ reason }) => reason)).toContain('PartialTrial')
    await until('the commit', async () => (await readEnvironment())['saved_entry'] === 'B')
    await until('the end of the gate', async () => !engine.hasBackgroundWork())
    expect((await node.boot()).slot).toBe('B')
    expect((await (await start()).describe()).trial?.verdict).toBe('Committed')
  })
})

describe('an image with a foreign agent', () => {
  const foreign = { version: 'v2', agent: false, units: false }

  test('engine counts nothing as failed when the foreign agent has switched back since', async () => {
    await adopt({ saved_entry: 'A' })
    await upgrade(foreign)
    expect((await node.boot()).slot).toBe('B')
    // Their agent writes slot A and switches to it, the documented way.
    const image = await makeImage(folder, { version: 'v3' })
    await fs.writeFile(node.slotFile('A'), image)
    await fs.truncate(node.slotFile('A'), 16 * 1024 * 1024)
    await writeEnvironment({ ...(await readEnvironment()), saved_entry: 'A' })
    expect((await node.boot()).slot).toBe('A')

    const { slots, trial } = await (await start()).describe()
    expect(slots.map(({ state, version }) => [state, version])).toEqual([
      ['committed', 'v3'],
      ['unrecorded', 'v2'],
    ])
    expect(trial).toBeUndefined()
    expect(await readEnvironment()).toEqual({ saved_entry: 'A' })
    node = { ...node, engine: node.restart() }
    await upgrade({ version: 'v4' })
    expect((await node.boot()).slot).toBe('B')
  })

  test('engine says that the image was not reached when GRUB fell back from it', async () => {
    await adopt({ saved_entry: 'A' })
    await upgrade(foreign)
    await fs.writeFile(node.slotFile('B'), new Uint8Array(16 * 1024 * 1024))
    expect((await node.boot()).slot).toBe('A')
    const engine = await start()
    expect((await engine.describe()).trial?.verdict).toBe('TrialNotReached')
    expect((await readEnvironment())['saved_entry']).toBe('A')
  })
})

describe('a slot that others wrote', () => {
  test('recover() forgets the digest of content that no longer runs', async () => {
    node = await createFakeNode(folder)
    await node.engine.recover()
    await upgrade({ version: 'v2' })
    await node.boot()
    expect(await gate(node.deps, never)).toBe(0)
    expect((await (await start()).describe()).slots[1]?.digest).toMatch(/^[0-9a-f]{64}$/)
    const image = await makeImage(folder, { version: 'v7' })
    await fs.writeFile(node.slotFile('B'), image, { flag: 'r+' })
    const slot = (await (await start()).describe()).slots[1]
    expect([slot?.version, slot?.digest, slot?.state]).toEqual(['v7', undefined, 'committed'])
  })
})

describe('checkBootPartition()', () => {
  test('checkBootPartition() refuses a read-only boot partition before the download', async () => {
    await adopt({ saved_entry: 'A' })
    const line = 'x /boot/efi vfat ro,relatime 0 0\n'
    await fs.appendFile(path.join(node.root, 'proc/mounts'), line)
    const before = (await fs.stat(node.slotFile('B'))).mtimeMs
    const refused = await refusalOf(upgrade({ version: 'v2' }))
    expect([refused.code, refused.message]).toEqual([
      'boot-partition-read-only',
      expect.stringContaining('/boot/efi'),
    ])
    expect((await fs.stat(node.slotFile('B'))).mtimeMs).toBe(before)
  })

  test('checkBootPartition() refuses to arm when it has become read-only or is gone', async () => {
    await adopt({ saved_entry: 'A' })
    const image = await makeImage(folder, { version: 'v2' })
    node.serve(image)
    await node.engine.prepare(requestFor(image, 'v2'), () => {}, never)
    await fs.rm(path.join(node.root, 'boot/efi'), { recursive: true })
    expect((await refusalOf(node.engine.activate({}))).code).toBe('boot-partition-missing')
  })
})
