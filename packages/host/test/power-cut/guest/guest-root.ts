// The root file systems that the guest's node installs and boots: what the agent wants to see in
// one, and places for what the guest mounts over it.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import { writeRoot } from '../../engine/fake-node.ts'
import { randomOf } from '../sample-states.ts'

const MOUNT_POINTS = [
  'var',
  'proc',
  'sys',
  'dev',
  'run',
  'tmp',
  'persist',
  'boot/efi',
  'lib',
  'lib64',
]
const EXTRA_FILES = 20
const NOISE_BYTES = 1024 * 1024

/** An image of a slot. */
export async function makeGuestImage(
  folder: string,
  version: string,
  sizeMib: number,
): Promise<Uint8Array> {
  const image = path.join(folder, `${version}.img`)
  const tree = await makeTree(folder, version)
  const options = ['-b', '1024', '-O', '^has_journal,metadata_csum,64bit', '-L', 'ROOT-A']
  await runOrThrow(systemExec, 'make an image', {
    argv: ['mke2fs', '-q', '-t', 'ext4', ...options, '-d', tree, image, `${sizeMib}M`],
  })
  return new Uint8Array(await fs.readFile(image))
}

/** The same as an OS tar. */
export async function makeGuestTar(folder: string, version: string): Promise<Uint8Array> {
  const tree = await makeTree(folder, version)
  const file = path.join(folder, `${version}.tar`)
  await runOrThrow(systemExec, 'pack', { argv: ['tar', '-cf', file, '-C', tree, '.'] })
  return new Uint8Array(await fs.readFile(file))
}

/** No two versions share a sector of it, so that half of one is never the whole of another. */
function noise(version: string): Uint8Array {
  const bytes = new Uint8Array(NOISE_BYTES)
  const random = randomOf(Number(Bun.hash.wyhash(version) & 0xffff_ffffn))
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = Math.floor(random() * 256)
  return bytes
}

async function makeTree(folder: string, version: string): Promise<string> {
  const tree = path.join(folder, `tree-${version}`)
  await writeRoot(tree, { version })
  for (const name of MOUNT_POINTS) await fs.mkdir(path.join(tree, name), { recursive: true })
  await fs.writeFile(path.join(tree, 'usr/noise'), noise(version))
  for (let index = 0; index < EXTRA_FILES; index += 1)
    await fs.writeFile(path.join(tree, `usr/file-${index}`), `${version} ${index}\n`.repeat(2000))
  return tree
}
