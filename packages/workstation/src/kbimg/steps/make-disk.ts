// The disk of a virtual machine, composed by offsets in a plain file: no loop devices, no mounts.
// Parts are made beside and deleted as soon as they are inside.
import { ensureDirectory, removePath, writeFile } from '@kubenest/base/files'
import { renderGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import {
  type DiskLayout,
  type PartitionName,
  planDiskLayout,
  renderSfdiskScript,
} from '../../disk/partition-layout.ts'
import { type Build, run } from '../build.ts'
import { clampTimes } from './clamp-times.ts'
import { copyToVfat } from './copy-to-vfat.ts'
import { makeExt4 } from './make-ext4.ts'

const MODULES = [
  'part_gpt',
  'part_msdos',
  'fat',
  'ext2',
  'normal',
  'configfile',
  'linux',
  'boot',
  'chain',
  'test',
  'regexp',
  'loadenv',
  'echo',
  'true',
  'ls',
  'cat',
  'help',
  'sleep',
  'halt',
  'reboot',
  'password_pbkdf2',
  'search',
  'search_label',
  'search_fs_uuid',
  'search_fs_file',
  'probe',
  'eval',
  'minicmd',
  'all_video',
  'gfxterm',
  'serial',
  'terminal',
  'efi_gop',
]
/** Folders of PERSIST: name below it, mode (contract 6.9). */
const PERSIST_FOLDERS = ['var', 'etc', 'etcwork', 'opt', 'optwork', 'etc/KubeOS/certs']

export function layoutOf(build: Build): DiskLayout {
  return planDiskLayout(build.config.disk.rootMib, build.config.disk.imageGib, build.ids)
}

/** Takes the ESP's content from the root's /boot/efi, so that copied files can replace ours. */
export async function makeBootPartition(build: Build): Promise<void> {
  const folder = `${build.work}/boot-files`
  await ensureDirectory(folder)
  await run(
    build,
    'take the files of the boot partition',
    build.tools.asRoot(['cp', '-rT', '--', `${build.root}/boot/efi`, folder]),
  )
  await ensureDirectory(`${folder}/EFI/openEuler`)
  await writeFile(
    `${folder}/EFI/openEuler/grubenv`,
    renderGrubEnvironment(new Map([['saved_entry', 'A']])),
    0o600,
  )
  await ensureDirectory(`${folder}/EFI/BOOT`)
  await run(build, 'make the boot loader', [
    'grub-mkimage',
    '-O',
    'x86_64-efi',
    '-p',
    '(,gpt1)/EFI/openEuler',
    '-o',
    `${folder}/EFI/BOOT/BOOTX64.EFI`,
    ...MODULES,
  ])
  await makeVfat(build, partPath(build, 'BOOT'))
  await copyToVfat(build, partPath(build, 'BOOT'), folder)
  await removePath(folder)
}

async function makeVfat(build: Build, image: string): Promise<void> {
  await removePath(image)
  const sizeKib = String(sizeMibOf(build, 'BOOT') * 1024)
  const serial = build.ids.boot.slice(0, 8)
  const options = ['--invariant', '-n', 'BOOT', '-i', serial]
  await run(build, 'make boot partition', ['mkfs.vfat', ...options, '-C', image, sizeKib])
}

export async function makePersist(build: Build): Promise<void> {
  const folder = `${build.work}/persist-files`
  const wanted = build.config.persistFolders.map((name) => name.replace(/^\/+/, ''))
  const paths = [...PERSIST_FOLDERS, ...wanted].map((name) => `${folder}/${name}`)
  await run(build, 'make folders of PERSIST', build.tools.asRoot(['mkdir', '-p', '--', ...paths]))
  await clampTimes(build, folder)
  await makePart(build, 'PERSIST', build.ids.persist, folder)
  await removePath(folder)
}

export async function composeDisk(build: Build): Promise<void> {
  await run(build, 'copy root.img to slot A', [
    'cp',
    '--sparse=always',
    `${build.work}/root.img`,
    partPath(build, 'ROOT-A'),
  ])
  await run(build, 'name slot A', ['e2label', partPath(build, 'ROOT-A'), 'ROOT-A'])
  await makePart(build, 'ROOT-B', build.ids.rootB)
  const layout = layoutOf(build)
  const disk = `${build.work}/system.img`
  await removePath(disk)
  await run(build, 'make system.img', ['truncate', '-s', `${layout.sizeMib}M`, disk])
  await run(build, 'write the partition table', ['sfdisk', '-q', disk], {
    stdin: renderSfdiskScript(layout),
  })
  for (const partition of layout.partitions) {
    const part = partPath(build, partition.name)
    await run(build, `write ${partition.name}`, [
      'dd',
      `if=${part}`,
      `of=${disk}`,
      'bs=1M',
      `seek=${partition.startMib}`,
      'conv=notrunc,sparse',
      'status=none',
    ])
    await removePath(part)
  }
  build.artefacts.push({ file: 'system.img', kind: 'disk' })
}

export async function convertDisk(build: Build): Promise<void> {
  const { work } = build
  await run(build, 'convert to system.qcow2', [
    'qemu-img',
    'convert',
    '-f',
    'raw',
    '-O',
    'qcow2',
    `${work}/system.img`,
    `${work}/system.qcow2`,
  ])
  build.artefacts.push({ file: 'system.qcow2', kind: 'qcow2' })
}

async function makePart(
  build: Build,
  name: PartitionName,
  uuid: string,
  folder?: string,
): Promise<void> {
  await makeExt4(build, {
    file: partPath(build, name),
    sizeMib: sizeMibOf(build, name),
    uuid,
    label: name,
    ...(folder === undefined ? {} : { folder }),
  })
}

function sizeMibOf(build: Build, name: PartitionName): number {
  return layoutOf(build).partitions.find((partition) => partition.name === name)?.sizeMib ?? 0
}

function partPath(build: Build, name: PartitionName): string {
  return `${build.work}/${name}.part`
}
