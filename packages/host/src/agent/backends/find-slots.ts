// Which slot runs and where the other one is, by identity: the kernel's root= resolved through
// /dev/disk/by-*, then the kernel's own list of partitions, and for slots that are files (light
// nodes, decision 30) the label links. Never by digits inside a device name. A disk that is not
// laid out as documented is refused: its partitions are somebody's data.
import { listDirectory, readText, resolveLinks, stat } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'
import { otherSlot, type SlotName } from '../update/journal-state.ts'
import { findDiskSlots, sysfsOf } from './find-disk-slots.ts'
import { unknownSlot } from './slot-errors.ts'

/** Both slots of the disk that runs. Paths are real paths. */
export interface SlotPair {
  readonly booted: SlotName
  readonly devices: Readonly<Record<SlotName, string>>
  readonly sizesBytes: Readonly<Record<SlotName, number>>
  /** Partition GUIDs, when the system knows them. */
  readonly partuuids?: { readonly a: string; readonly b: string }
}

/**
 * Finds the slots; a root that is neither A nor B is an error of kind `host`, code `slot-unknown`,
 * a disk of somebody else one of code `disk-foreign`.
 */
export async function findSlots(sysroot: SysRoot): Promise<SlotPair> {
  const commandLine = (await readText(sysroot.path('/proc/cmdline'))) ?? ''
  const root = rootOf(commandLine)
  if (root === undefined) throw unknownSlot('the kernel command line has no root=')
  const device = await resolveRoot(sysroot, root)
  if (device === undefined) throw unknownSlot(`root=${root} names no device`)
  const isFile = (await stat(device))?.kind === 'file'
  const { booted, sibling } = isFile
    ? await findFileSlots(sysroot, device)
    : await findDiskSlots(sysroot, device)
  if ((await stat(sibling)) === undefined) throw unknownSlot(`${sibling} does not exist`)
  const devices = booted === 'A' ? { A: device, B: sibling } : { A: sibling, B: device }
  const partuuids = await findPartuuids(sysroot, devices)
  return {
    booted,
    devices,
    sizesBytes: {
      A: await sizeOf(sysroot, devices.A),
      B: await sizeOf(sysroot, devices.B),
    },
    ...(partuuids === undefined ? {} : { partuuids }),
  }
}

/** The last root= counts, as for the kernel. */
export function rootOf(commandLine: string): string | undefined {
  const word = commandLine
    .trim()
    .split(/\s+/)
    .findLast((each) => each.startsWith('root='))
  return word?.slice('root='.length)
}

async function findFileSlots(
  sysroot: SysRoot,
  device: string,
): Promise<{ booted: SlotName; sibling: string }> {
  for (const booted of ['A', 'B'] as const) {
    const own = await resolveLinks(sysroot.path(`/dev/disk/by-label/ROOT-${booted}`))
    if (own !== device) continue
    const link = `/dev/disk/by-label/ROOT-${otherSlot(booted)}`
    const sibling = await resolveLinks(sysroot.path(link))
    if (sibling === undefined || sibling === device)
      throw unknownSlot(`${link} names no other slot`)
    return { booted, sibling }
  }
  throw unknownSlot(`${device} is neither /dev/disk/by-label/ROOT-A nor ROOT-B`)
}

/** The device that a `root=` value names; `undefined` for none. */
export async function resolveRoot(sysroot: SysRoot, root: string): Promise<string | undefined> {
  const tagged = /^(PARTUUID|UUID|LABEL|PARTLABEL)=(.+)$/.exec(root)
  if (tagged === null) return root.startsWith('/') ? resolveLinks(sysroot.path(root)) : undefined
  const [, tag = '', value = ''] = tagged
  if (value.includes('/')) return undefined
  const folder = `/dev/disk/by-${tag.toLowerCase()}`
  const name = tag.endsWith('UUID') ? value.toLowerCase() : value
  return resolveLinks(sysroot.path(`${folder}/${name}`))
}

async function findPartuuids(
  sysroot: SysRoot,
  devices: Readonly<Record<SlotName, string>>,
): Promise<SlotPair['partuuids']> {
  const folder = sysroot.path('/dev/disk/by-partuuid')
  const found = new Map<string, string>()
  for (const name of await listDirectory(folder)) {
    const device = await resolveLinks(`${folder}/${name}`)
    if (device !== undefined) found.set(device, name)
  }
  const a = found.get(devices.A)
  const b = found.get(devices.B)
  return a === undefined || b === undefined ? undefined : { a, b }
}

/** A device's size is in sysfs, in units of 512 bytes whatever its sectors are. */
async function sizeOf(sysroot: SysRoot, device: string): Promise<number> {
  const info = await stat(device)
  if (info?.kind === 'file') return info.sizeBytes
  const folder = await sysfsOf(sysroot, device)
  const sectors = Number(await readText(`${folder}/size`))
  if (!Number.isInteger(sectors) || sectors <= 0) throw unknownSlot(`${device} has no size`)
  return sectors * 512
}
