// Where the partitions of a disk image are (contract 6.9, UEFI column), and the sfdisk script for
// it. Borders are in MiB; the last MiB of the disk belongs to the second partition table.

export type PartitionName = 'BOOT' | 'ROOT-A' | 'ROOT-B' | 'PERSIST'

export interface Partition {
  readonly name: PartitionName
  readonly startMib: number
  readonly sizeMib: number
  readonly guid: string
}

export interface DiskLayout {
  readonly sizeMib: number
  readonly guid: string
  readonly partitions: readonly Partition[]
}

/** GUIDs of the disk and its partitions, lower case. */
export interface DiskIds {
  readonly disk: string
  readonly boot: string
  readonly rootA: string
  readonly rootB: string
  readonly persist: string
}

const FIRST_MIB = 1
const BOOT_END_MIB = 60
const TYPE_ESP = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'
const TYPE_LINUX = '0FC63DAF-8483-4772-8E79-3D69D8477DE4'
const SECTORS_PER_MIB = 2048

/** Borders for a root size in MiB and an image size in GiB. */
export function planDiskLayout(rootMib: number, imageGib: number, ids: DiskIds): DiskLayout {
  const sizeMib = imageGib * 1024
  const rootB = BOOT_END_MIB + rootMib
  const persist = rootB + rootMib
  return {
    sizeMib,
    guid: ids.disk,
    partitions: [
      { name: 'BOOT', startMib: FIRST_MIB, sizeMib: BOOT_END_MIB - FIRST_MIB, guid: ids.boot },
      { name: 'ROOT-A', startMib: BOOT_END_MIB, sizeMib: rootMib, guid: ids.rootA },
      { name: 'ROOT-B', startMib: rootB, sizeMib: rootMib, guid: ids.rootB },
      { name: 'PERSIST', startMib: persist, sizeMib: sizeMib - 1 - persist, guid: ids.persist },
    ],
  }
}

/** Standard input for `sfdisk FILE`. */
export function renderSfdiskScript(layout: DiskLayout): string {
  const header = `label: gpt\nlabel-id: ${layout.guid}\nunit: sectors\nfirst-lba: 34\nsector-size: 512\n\n`
  const lines = layout.partitions.map((partition) => {
    const type = partition.name === 'BOOT' ? TYPE_ESP : TYPE_LINUX
    const start = partition.startMib * SECTORS_PER_MIB
    const size = partition.sizeMib * SECTORS_PER_MIB
    return `start=${start}, size=${size}, type=${type}, uuid=${partition.guid}, name="${partition.name}"`
  })
  return `${header}${lines.join('\n')}\n`
}
