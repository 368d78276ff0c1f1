// What GRUB and the next system find in a slot that a tar was unpacked into: while there is no
// kernel nothing can boot it; once there is one, everything else must be there, too (reliability
// 4.2, "direct").
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { systemExec } from '@kubenest/base/system-exec'

/** e2fsck: clean, repaired. */
const REPAIRED_MAX = 1
const UUID_AT = 1024 + 0x68
const KERNEL = '/boot/vmlinuz'

export type TreeLook = 'no-kernel' | 'not-repairable' | { readonly digest: string }

/** The UUID in the superblock of ext4, from the first bytes of a slot. */
export function fileSystemId(head: Uint8Array): string {
  return Buffer.from(head.subarray(UUID_AT, UUID_AT + 16)).toString('hex')
}

/** Looks at the bytes of a slot, in this folder. */
export async function lookAtTree(folder: string, bytes: Uint8Array): Promise<TreeLook> {
  await fs.rm(folder, { recursive: true, force: true })
  await fs.mkdir(path.join(folder, 'tree'), { recursive: true })
  const image = path.join(folder, 'slot.img')
  await fs.writeFile(image, bytes)
  // As GRUB: without a replay of the journal.
  const kernel = await debugfs(image, `stat ${KERNEL}`)
  if (!kernel.includes('Inode:')) return 'no-kernel'
  const repair = await systemExec.run({ argv: ['e2fsck', '-fp', image] })
  if (repair.exitCode > REPAIRED_MAX) return 'not-repairable'
  await debugfs(image, `rdump / ${folder}/tree`)
  return { digest: await digestOfTree(path.join(folder, 'tree')) }
}

async function debugfs(image: string, command: string): Promise<string> {
  const result = await systemExec.run({ argv: ['debugfs', '-R', command, image] })
  return result.stdout
}

async function digestOfTree(root: string): Promise<string> {
  const hasher = new Bun.CryptoHasher('sha256')
  const names = await fs.readdir(root, { recursive: true })
  for (const name of names.sort()) {
    const info = await fs.lstat(path.join(root, name))
    hasher.update(`${name} ${info.mode} ${info.size}\n`)
    if (info.isFile()) hasher.update(await fs.readFile(path.join(root, name)))
    if (info.isSymbolicLink()) hasher.update(await fs.readlink(path.join(root, name)))
  }
  return hasher.digest('hex')
}
