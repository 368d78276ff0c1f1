// Debian's cloud kernel for the micro guest, unpacked once into the cache. It is not installed: a
// kernel package would change how this machine boots.
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'

const META_PACKAGE = 'linux-image-cloud-amd64'
/** In the order in which they are inserted. */
const MODULES = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_blk',
  'fat',
  'vfat',
  'nls_cp437',
  'nls_ascii',
] as const

export interface MicroKernel {
  readonly image: string
  /** Files of modules, in order. */
  readonly modules: readonly string[]
}

/** The kernel's files; fetched with apt when the cache has none. */
export async function microKernel(): Promise<MicroKernel> {
  const given = process.env['KUBENEST_CACHE'] ?? path.join(os.homedir(), '.cache/kubenest')
  const cache = path.join(given, 'micro-guest')
  await fs.mkdir(cache, { recursive: true })
  const known = (await fs.readdir(cache)).filter((name) => name.startsWith('linux-image-')).sort()
  const folder = path.join(cache, known.at(-1) ?? (await fetchKernel(cache)))
  return {
    image: path.join(folder, 'vmlinuz'),
    modules: MODULES.map((name) => path.join(folder, `${name}.ko`)),
  }
}

async function fetchKernel(cache: string): Promise<string> {
  const depends = await runOrThrow(systemExec, 'find the cloud kernel', {
    argv: ['apt-cache', 'depends', '--important', META_PACKAGE],
  })
  const name = /linux-image-\S+-cloud-amd64/.exec(depends.split('\n').slice(1).join('\n'))?.[0]
  if (name === undefined)
    throw new Error(`Cannot make a guest: apt knows no ${META_PACKAGE}; run apt-get update`)
  const scratch = await fs.mkdtemp(path.join(cache, 'fetch-'))
  try {
    await fs.chmod(scratch, 0o755)
    await runOrThrow(systemExec, 'fetch the cloud kernel', {
      argv: ['apt-get', 'download', '-q', name],
      cwd: scratch,
    })
    const [deb = ''] = await fs.readdir(scratch)
    const root = path.join(scratch, 'root')
    await runOrThrow(systemExec, 'unpack the cloud kernel', {
      argv: ['dpkg-deb', '-x', path.join(scratch, deb), root],
    })
    await keepNeeded(root, path.join(scratch, name))
    await fs.rename(path.join(scratch, name), path.join(cache, name))
  } finally {
    await fs.rm(scratch, { recursive: true, force: true })
  }
  return name
}

async function keepNeeded(root: string, target: string): Promise<void> {
  await fs.mkdir(target)
  for await (const file of new Bun.Glob('**/*.ko').scan({ cwd: root })) {
    const name = path.basename(file)
    if (MODULES.some((module) => `${module}.ko` === name))
      await fs.rename(path.join(root, file), path.join(target, name))
  }
  const [image = ''] = (await fs.readdir(path.join(root, 'boot'))).filter((name) =>
    name.startsWith('vmlinuz-'),
  )
  await fs.rename(path.join(root, 'boot', image), path.join(target, 'vmlinuz'))
}
