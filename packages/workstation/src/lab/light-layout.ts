// A light node's files and disk: fixed layout of contract 6.9, small sizes.
import { renderGrubConfig } from '@kubenest/provision/boot/grub-config'

/** Size of each slot of a light node, and of the images made for it, bytes. */
export const LIGHT_SLOT_BYTES = 32 * 1024 * 1024

const MIB = 1024 * 1024
const ESP_MIB = 8
const SLOT_MIB = LIGHT_SLOT_BYTES / MIB
const PERSIST_MIB = 1
const FIRST_MIB = 1

/** Start of each partition, bytes. */
export const PARTITION_OFFSETS = {
  esp: FIRST_MIB * MIB,
  slotA: (FIRST_MIB + ESP_MIB) * MIB,
  slotB: (FIRST_MIB + ESP_MIB + SLOT_MIB) * MIB,
} as const

/** Size of the whole disk; the last MiB holds the second partition table. */
export const DISK_BYTES = (FIRST_MIB + ESP_MIB + 2 * SLOT_MIB + PERSIST_MIB + 1) * MIB

/** Folder of GRUB's files on the EFI system partition (contract 6.10). */
export const GRUB_FOLDER = 'EFI/openEuler'

/** GUIDs of a node's partitions, made once. */
export interface LightPartitions {
  readonly esp: string
  readonly slotA: string
  readonly slotB: string
  readonly persist: string
}

/** Where one light node's files are. */
export interface LightNodePaths {
  readonly root: string
  /** Shown as /slots: one file per slot. */
  readonly slots: string
  readonly slotA: string
  readonly slotB: string
  /** /boot/efi */
  readonly esp: string
  readonly persist: string
  readonly run: string
  /** Contents of the booted slot, extracted at each boot. */
  readonly booted: string
  /** Made anew at each boot: cmdline, /proc/sys, work of the boot loader. */
  readonly boot: string
}

/** The layout below a node's folder. */
export function lightNodePaths(root: string): LightNodePaths {
  return {
    root,
    slots: `${root}/slots`,
    slotA: `${root}/slots/a`,
    slotB: `${root}/slots/b`,
    esp: `${root}/esp`,
    persist: `${root}/persist`,
    run: `${root}/run`,
    booted: `${root}/booted`,
    boot: `${root}/boot`,
  }
}

/** Input of sfdisk. */
export function renderPartitionTable(partitions: LightPartitions): string {
  return [
    'label: gpt',
    `start=${FIRST_MIB}MiB, size=${ESP_MIB}MiB, type=U, uuid=${partitions.esp}, name=BOOT`,
    `size=${SLOT_MIB}MiB, type=L, uuid=${partitions.slotA}, name=ROOT-A`,
    `size=${SLOT_MIB}MiB, type=L, uuid=${partitions.slotB}, name=ROOT-B`,
    `size=${PERSIST_MIB}MiB, type=L, uuid=${partitions.persist}, name=PERSIST`,
    '',
  ].join('\n')
}

/** The shipped boot menu, shown for a second: nobody looks at a light node's screen. */
export function renderLightGrubConfig(partitions: LightPartitions): string {
  return renderGrubConfig({
    partuuidA: partitions.slotA,
    partuuidB: partitions.slotB,
    menuTimeoutSeconds: 1,
  })
}
