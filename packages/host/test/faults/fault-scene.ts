// A node of files brought into a state once and put back into it before every shot.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import { gate, trialStart } from '../../src/agent/update/commands.ts'
import { createFakeNode, makeImage, writeRoot, type FakeNode } from '../engine/fake-node.ts'
import { requestFor, until } from '../engine/requests.ts'
import { createGrubOracle, type GrubOracle } from '../grub-oracle.ts'
import { hastyClock } from './hasty-clock.ts'
import { OPERATION, SETTINGS_FILES } from './steps.ts'

export const NEVER = new AbortController().signal

/** States from which operations start. */
export type Beginning =
  /** Nothing of ours is there yet. */
  | 'fresh'
  /** v2 is written and verified in B. */
  | 'verified'
  /** v2 runs in B on trial. */
  | 'trial'
  /** v2 runs in B on trial, past its deadline. */
  | 'late'
  /** v2 has committed in B, v1 is in A. */
  | 'committed'
  /** v2 was tried and A runs again; nobody has noted it. */
  | 'returned'
  /** A node of others: their menu, no journal, no backup. */
  | 'foreign'

export interface FaultScene {
  readonly node: FakeNode
  readonly oracle: GrubOracle
  readonly raw: { readonly file: string; readonly bytes: Uint8Array }
  readonly tar: { readonly file: string; readonly bytes: Uint8Array }
  /** Puts the node into a state. */
  begin(beginning: Beginning): Promise<void>
}

/** Makes a node below a folder, with slots as small as an image and a tar allow. */
export async function createFaultScene(
  folder: string,
  slotMib: { readonly slot: number; readonly image: number },
): Promise<FaultScene> {
  await fs.mkdir(folder, { recursive: true })
  const oracle = await createGrubOracle(path.join(folder, 'oracle'))
  const node = await createFakeNode(folder, {
    oracle,
    clock: hastyClock,
    slotBytes: slotMib.slot * 1024 * 1024,
    imageMib: slotMib.image,
  })
  await writeSettings(node)
  const bytes = await makeImage(folder, { version: 'v2', sizeMib: slotMib.image })
  const raw = { file: path.join(folder, 'v2.img'), bytes }
  await fs.writeFile(raw.file, bytes)
  const tar = await makeTar(folder)
  const made = path.join(folder, 'saved-new')
  await copyTree(node.root, made)
  const saved = new Set<Beginning>()
  return {
    node,
    oracle,
    raw,
    tar,
    async begin(beginning) {
      const copy = path.join(folder, `saved-${beginning}`)
      if (saved.has(beginning)) return copyTree(copy, node.root)
      await copyTree(made, node.root)
      await reach(node, bytes, beginning)
      await copyTree(node.root, copy)
      saved.add(beginning)
    },
  }
}

async function writeSettings(node: FakeNode): Promise<void> {
  await fs.mkdir(path.join(node.root, 'etc/sysctl.d'), { recursive: true })
  for (const [file, [before]] of Object.entries(SETTINGS_FILES))
    if (before !== undefined) await fs.writeFile(path.join(node.root, file), before)
}

async function makeTar(folder: string): Promise<FaultScene['tar']> {
  const tree = path.join(folder, 'tree')
  await writeRoot(tree, { version: 'v2' })
  const file = path.join(folder, 'v2.tar')
  await runOrThrow(systemExec, 'pack', { argv: ['tar', '-cf', file, '-C', tree, '.'] })
  return { file, bytes: new Uint8Array(await fs.readFile(file)) }
}

async function copyTree(from: string, to: string): Promise<void> {
  await fs.rm(to, { recursive: true, force: true })
  await runOrThrow(systemExec, 'copy a node', {
    argv: ['cp', '-a', '--sparse=always', from, to],
  })
}

async function reach(node: FakeNode, image: Uint8Array, beginning: Beginning): Promise<void> {
  if (beginning === 'foreign') return becomeForeign(node)
  const engine = node.restart()
  await engine.recover()
  await until('the end of the background work', async () => !engine.hasBackgroundWork())
  if (beginning === 'fresh') return
  node.serve(image)
  await engine.prepare({ ...requestFor(image, 'v2'), ...OPERATION }, () => {}, NEVER)
  if (beginning === 'verified') return
  await engine.activate(OPERATION)
  await node.boot()
  if (beginning === 'trial') return
  if (beginning === 'late') return becomeLate(node)
  await trialStart(node.deps)
  if (beginning === 'committed') await gate(node.deps, NEVER)
  else await node.boot()
}

async function becomeForeign(node: FakeNode): Promise<void> {
  const menu = node.bootFile('grub.cfg')
  const own = await fs.readFile(menu, 'utf8')
  await fs.writeFile(menu, own.replaceAll('kubenest_slot', 'others_slot'))
}

async function becomeLate(node: FakeNode): Promise<void> {
  await trialStart(node.deps)
  await fs.writeFile(path.join(node.root, 'proc/uptime'), '100000.00 100000.00\n')
}
