// The slots of a partitioned disk, as the kernel lists its partitions in sysfs: number 2 is A,
// number 3 is B, of the disk whose number 4 is PERSIST (contract 4.6, 6.9). The same for NVMe,
// virtio, SCSI, MMC and loop devices, because no name is taken apart.
import { listDirectory, readText, resolveLinks } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'
import type { SlotName } from '../update/journal-state.ts'
import { foreignDisk, unknownSlot } from './slot-errors.ts'

const SLOT_NUMBERS = { A: 2, B: 3 } as const
const BOOT_NUMBER = 1
const PERSIST_NUMBER = 4

/** Finds the running slot and its sibling; `device` is a real path. */
export async function findDiskSlots(
  sysroot: SysRoot,
  device: string,
): Promise<{ booted: SlotName; sibling: string }> {
  const own = await sysfsOf(sysroot, device)
  const number = own === undefined ? undefined : await numberOf(own)
  if (own === undefined || number === undefined)
    throw unknownSlot(`${device} is not a partition of a disk`)
  if (number !== SLOT_NUMBERS.A && number !== SLOT_NUMBERS.B)
    throw unknownSlot(`${device} is partition ${number}; slots are partitions 2 and 3`)
  await assertRunning(sysroot, device, own)
  const partitions = await partitionsOf(sysroot, parentOf(own))
  await assertOurs(sysroot, nameOf(parentOf(own)), partitions)
  const booted = number === SLOT_NUMBERS.A ? 'A' : 'B'
  const sibling = partitions.get(SLOT_NUMBERS[booted === 'A' ? 'B' : 'A'])
  if (sibling === undefined) throw unknownSlot(`the disk of ${device} has no other slot`)
  return { booted, sibling }
}

/** What the command line names must be what is mounted: an initramfs may have chosen otherwise. */
async function assertRunning(sysroot: SysRoot, device: string, own: string): Promise<void> {
  const mounts = (await readText(sysroot.path('/proc/self/mountinfo'))) ?? ''
  const root = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .findLast((words) => words[4] === '/')?.[2]
  const wanted = (await readText(`${own}/dev`))?.trim()
  if (root !== undefined && wanted !== undefined && root !== wanted)
    throw unknownSlot(`root= names ${device} (${wanted}) and the mounted root is device ${root}`)
}

/** Labels decide whose disk it is: an ordinary server has partitions 2 and 3, too. */
async function assertOurs(
  sysroot: SysRoot,
  disk: string,
  partitions: ReadonlyMap<number, string>,
): Promise<void> {
  const persist = await resolveLinks(sysroot.path('/dev/disk/by-label/PERSIST'))
  if (persist === undefined) throw foreignDisk(disk, 'no partition is labelled PERSIST')
  if (persist !== partitions.get(PERSIST_NUMBER))
    throw foreignDisk(disk, `the label PERSIST is at ${persist}, not at its partition 4`)
  const boots = await Promise.all(
    ['BOOT', 'GRUB2'].map((label) => resolveLinks(sysroot.path(`/dev/disk/by-label/${label}`))),
  )
  const boot = partitions.get(BOOT_NUMBER)
  if (boot === undefined || !boots.includes(boot))
    throw foreignDisk(disk, 'its partition 1 is labelled neither BOOT nor GRUB2')
}

async function partitionsOf(sysroot: SysRoot, disk: string): Promise<Map<number, string>> {
  const found = new Map<number, string>()
  for (const name of await listDirectory(disk)) {
    const number = await numberOf(`${disk}/${name}`)
    const device = await resolveLinks(sysroot.path(`/dev/${name.replaceAll('!', '/')}`))
    if (number !== undefined && device !== undefined) found.set(number, device)
  }
  return found
}

/** Folder of a device in sysfs; a slash of its name is an exclamation mark there. */
export async function sysfsOf(sysroot: SysRoot, device: string): Promise<string | undefined> {
  const devices = `${await resolveLinks(sysroot.path('/dev'))}/`
  if (!device.startsWith(devices)) return undefined
  const name = device.slice(devices.length).replaceAll('/', '!')
  return resolveLinks(sysroot.path(`/sys/class/block/${name}`))
}

async function numberOf(folder: string): Promise<number | undefined> {
  const number = Number(await readText(`${folder}/partition`))
  return Number.isInteger(number) && number > 0 ? number : undefined
}

function parentOf(folder: string): string {
  return folder.slice(0, folder.lastIndexOf('/'))
}

function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf('/') + 1)
}
