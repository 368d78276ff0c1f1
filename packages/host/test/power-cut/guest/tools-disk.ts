// What is mounted over /usr, /lib and /lib64 of the micro guest: the agent as users get it
// (compiled), the programs that it calls, their libraries, the driver, and images to install.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'

const REPOSITORY = path.resolve(import.meta.dir, '../../../../..')
const MIB = 1024 * 1024
/** What the agent calls, and what the driver calls. */
const PROGRAMS = [
  'mke2fs',
  'e2fsck',
  'tar',
  'stat',
  'touch',
  'mount',
  'umount',
  'findmnt',
  'sync',
  'grub-editenv',
]
const GATE_UNIT = 'usr/lib/systemd/system/kubenest-gate.service'
/** A reboot that the agent asks for is done by the driver, when it has seen the answer. */
const SYSTEMCTL = '#!/usr/bin/busybox sh\nexec /usr/bin/busybox touch /run/reboot-asked\n'

/** Makes the disk; `images` are file names and contents that the driver serves over HTTP. */
export async function makeToolsDisk(
  folder: string,
  images: Readonly<Record<string, Uint8Array>>,
): Promise<string> {
  const root = path.join(folder, 'tools')
  for (const name of ['usr/bin', 'usr/images', path.dirname(GATE_UNIT)])
    await fs.mkdir(path.join(root, name), { recursive: true })
  await fs.writeFile(path.join(root, GATE_UNIT), '[Unit]\n')
  await compileAgent(path.join(root, 'usr/bin/kubenest-host'))
  await fs.symlink('kubenest-host', path.join(root, 'usr/bin/os-agent'))
  await bundleDriver(path.join(root, 'usr'))
  await copyPrograms(root)
  await fs.copyFile('/bin/busybox', path.join(root, 'usr/bin/busybox'))
  await fs.writeFile(path.join(root, 'usr/bin/systemctl'), SYSTEMCTL, { mode: 0o755 })
  for (const [name, content] of Object.entries(images))
    await fs.writeFile(path.join(root, 'usr/images', name), content)
  const disk = path.join(folder, 'tools.img')
  const size = await runOrThrow(systemExec, 'measure the tools', { argv: ['du', '-sm', root] })
  const sizeMib = Math.ceil(Number(size.split('\t')[0]) * 1.1) + 16
  await fs.rm(disk, { force: true })
  await runOrThrow(systemExec, 'make the tools disk', {
    argv: ['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-d', root, disk, `${sizeMib}M`],
  })
  await fs.rm(root, { recursive: true })
  return disk
}

/** With the switches of `tools/build.ts`, from the sources as they are. */
async function compileAgent(outfile: string): Promise<void> {
  const entry = path.join(REPOSITORY, 'packages/host/src/main.ts')
  const result = await Bun.build({
    entrypoints: [entry],
    target: 'bun',
    format: 'esm',
    minify: true,
    splitting: true,
    bytecode: true,
    compile: {
      outfile,
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
  })
  if (!result.success) throw new AggregateError(result.logs, `Cannot build ${entry}`)
  const { size } = await fs.stat(outfile)
  if (size < MIB) throw new Error(`Cannot use ${outfile}: it holds ${size} bytes`)
}

async function bundleDriver(outdir: string): Promise<void> {
  const result = await Bun.build({
    entrypoints: [path.join(import.meta.dir, 'driver.ts')],
    target: 'bun',
    outdir,
  })
  if (!result.success) throw new AggregateError(result.logs, 'Cannot bundle the driver')
}

async function copyPrograms(root: string): Promise<void> {
  const libraries = new Set<string>()
  for (const name of PROGRAMS) {
    const file = Bun.which(name, { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' })
    if (file === null) throw new Error(`Cannot make a guest: ${name} is not installed`)
    await fs.copyFile(file, path.join(root, 'usr/bin', name))
    for (const library of await librariesOf(file)) libraries.add(library)
  }
  for (const library of await librariesOf(process.execPath)) libraries.add(library)
  for (const library of libraries) {
    await fs.mkdir(path.dirname(path.join(root, library)), { recursive: true })
    await fs.copyFile(library, path.join(root, library))
  }
  await fs.symlink('mke2fs', path.join(root, 'usr/bin/mkfs.ext4'))
}

async function librariesOf(file: string): Promise<string[]> {
  const list = await runOrThrow(systemExec, 'find libraries', { argv: ['ldd', file] })
  return [...list.matchAll(/(\/\S+\.so\S*) \(0x/g)].map((match) => match[1] ?? '')
}
