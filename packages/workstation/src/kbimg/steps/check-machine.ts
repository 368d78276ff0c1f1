// Before anything is made: files that the configuration names, programs, free space (rules V10,
// V11).
import { readText, resolveLinks, stat } from '@kubenest/base/files'
import { isOsError, OsError } from '@kubenest/base/errors'
import { type Build, run } from '../build.ts'
import type { ImageConfig } from '../config.ts'
import { configError } from '../config-error.ts'
import { resolveFrom } from '../host-path.ts'
import { notBuiltYet } from '../parse-config.ts'
import { parseRepoKind } from '../repo-kind.ts'

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
const GIB = 1024 ** 3
const UPGRADE_GIB = 6
const SPARE_GIB = 5

/** Programs a build runs on this machine, with the Debian package that brings each. */
const PROGRAMS: readonly (readonly [program: string, debianPackage: string])[] = [
  ['mmdebstrap', 'mmdebstrap'],
  ['bwrap', 'bubblewrap'],
  ['unshare', 'util-linux'],
  ['setpriv', 'util-linux'],
  ['sfdisk', 'fdisk'],
  ['mke2fs', 'e2fsprogs'],
  ['debugfs', 'e2fsprogs'],
  ['mkfs.vfat', 'dosfstools'],
  ['mcopy', 'mtools'],
  ['grub-mkimage', 'grub-common'],
  ['qemu-img', 'qemu-utils'],
  ['openssl', 'openssl'],
  ['zstd', 'zstd'],
  ['tar', 'tar'],
  ['gzip', 'gzip'],
]

/** Folder of GRUB's modules for the boot loader. */
export const GRUB_MODULES = '/usr/lib/grub/x86_64-efi'

export async function checkMachine(build: Build): Promise<void> {
  await checkFiles(build.cwd, build.config)
  await checkPrograms()
  await checkNamespaces(build)
  await checkSpace(build)
}

/** A user who is not root needs ids for the owners of the image's files. */
async function checkNamespaces(build: Build): Promise<void> {
  try {
    await run(build, 'act as root of a namespace', build.tools.asRoot(['true']))
  } catch (cause) {
    if (!isOsError(cause, 'command-failed')) throw cause
    throw new OsError('host', {
      code: 'no-namespace',
      message: `${cause.message}; build as root, or install uidmap and give this user ids: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER`,
      cause,
    })
  }
}

/** Files that the configuration names must be there (rule V11), and be of a kind we build from. */
export async function checkFiles(cwd: string, config: ImageConfig): Promise<void> {
  const { repo, chrootScript } = config
  await requireFile(cwd, 'from_repo.repo_path', repo.repoPath)
  await requireFile(cwd, 'from_repo.agent_path', repo.agentPath)
  if (chrootScript !== undefined) await requireFile(cwd, 'chroot_script.path', chrootScript.path)
  const text = (await readText(resolveFrom(cwd, repo.repoPath))) ?? ''
  if (parseRepoKind(text, repo.repoPath).kind === 'rpm')
    throw notBuiltYet('rpm repositories', 'give an apt sources file in from_repo.repo_path')
}

async function requireFile(cwd: string, key: string, value: string): Promise<void> {
  const real = await resolveLinks(resolveFrom(cwd, value))
  const found = real === undefined ? undefined : await stat(real)
  if (found?.kind === 'file') return
  const reason = found === undefined ? 'no such file exists' : 'it is not a regular file'
  throw configError(
    'file',
    key,
    value,
    `${reason}; give the path of a file (relative paths start from ${cwd})`,
  )
}

async function checkPrograms(): Promise<void> {
  const missing = new Set<string>()
  for (const [program, debianPackage] of PROGRAMS)
    if (!(await isInstalled(program))) missing.add(debianPackage)
  if ((await stat(`${GRUB_MODULES}/normal.mod`)) === undefined) missing.add('grub-efi-amd64-bin')
  if (missing.size === 0) return
  throw new OsError('host', {
    code: 'programs-missing',
    message: `Cannot build on this machine: programs are missing; run: apt-get install ${[...missing].join(' ')}`,
  })
}

async function isInstalled(program: string): Promise<boolean> {
  for (const folder of FOLDERS)
    if ((await resolveLinks(`${folder}/${program}`)) !== undefined) return true
  return false
}

async function checkSpace(build: Build): Promise<void> {
  const neededGib =
    build.imageType === 'vm-img' ? build.config.disk.imageGib + SPARE_GIB : UPGRADE_GIB
  const output = await run(build, 'find the free space', ['df', '-B1', '--output=avail', build.cwd])
  const freeBytes = Number(output.trim().split('\n').at(-1))
  if (freeBytes >= neededGib * GIB) return
  throw new OsError('host', {
    code: 'disk-full',
    message: `Cannot build in ${build.cwd}: ${Math.floor(freeBytes / GIB)} GiB are free and ${neededGib} GiB are needed; free some space or build elsewhere`,
  })
}
