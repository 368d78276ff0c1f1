// Which slot runs and where the other one is, by identity: the kernel's root= resolved through
// /dev/disk/by-*, the trailing partition number only, and for slots that are files (light nodes,
// decision
// 30) the label links. Never by digits inside a device name.
import { OsError } from '@kubenest/base/errors'
import { listDirectory, readText, resolveLinks, stat } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'
import { otherSlot, type SlotName } from '../update/journal-state.ts'

/** Both slots of the disk that runs. Paths are real paths. */
export interface SlotPair {
  readonly booted: SlotName
  readonly devices: Readonly<Record<SlotName, string>>
  readonly sizesBytes: Readonly<Record<SlotName, number>>
  /** Partition GUIDs, when the system knows them. */
  readonly partuuids?: { readonly a: string; readonly b: string }
}

/**
 * Finds the slots; a root that is neither A nor B is an error of kind `host`, code `slot-unknown`.
 */
export async function findSlots(sysroot: SysRoot): Promise<SlotPair> {
  const commandLine = (await readText(sysroot.path('/proc/cmdline'))) ?? ''
  const root = rootOf(commandLine)
  if (root === undefined) throw unknown('the kernel command line has no root=')
  const device = await resolveRoot(sysroot, root)
  if (device === undefined) throw unknown(`root=${root} names no device`)
  const isFile = (await stat(device))?.kind === 'file'
  const { booted, sibling } = isFile
    ? await findFileSlots(sysroot, device)
    : findPartitionSlots(device)
  if ((await stat(sibling)) === undefined) throw unknown(`${sibling} does not exist`)
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

/**
 * Partition 2 is A, partition 3 is B (contract 4.6); the number is what stands at the name's end.
 */
export function findPartitionSlots(device: string): { booted: SlotName; sibling: string } {
  const number = /\d+$/.exec(device)?.[0]
  if (number !== '2' && number !== '3')
    throw unknown(`${device} is partition ${number ?? '(none)'}; slots are partitions 2 and 3`)
  const booted = number === '2' ? 'A' : 'B'
  return { booted, sibling: `${device.slice(0, -1)}${booted === 'A' ? '3' : '2'}` }
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
    if (sibling === undefined || sibling === device) throw unknown(`${link} names no other slot`)
    return { booted, sibling }
  }
  throw unknown(`${device} is neither /dev/disk/by-label/ROOT-A nor ROOT-B`)
}

async function resolveRoot(sysroot: SysRoot, root: string): Promise<string | undefined> {
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
  const name = device.slice(device.lastIndexOf('/') + 1)
  const sectors = Number(await readText(sysroot.path(`/sys/class/block/${name}/size`)))
  if (!Number.isInteger(sectors) || sectors <= 0) throw unknown(`${device} has no size`)
  return sectors * 512
}

function unknown(reason: string): OsError {
  return new OsError('host', {
    code: 'slot-unknown',
    message: `Cannot tell the slots of this node: ${reason}`,
  })
}
