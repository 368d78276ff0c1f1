// Where the boot menu and its environment are (contract 4.4, 6.9): on the EFI system partition, or
// for a legacy BIOS on the ext4 partition that is mounted at /boot/grub2.
import { stat } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'

/** A place of the boot menu. */
export interface BootLayout {
  readonly firmware: 'uefi' | 'legacy'
  /** Folder of grub.cfg, grubenv and custom.cfg. */
  readonly folder: string
  /** Where the boot partition is mounted. */
  readonly mountPoint: string
}

/** Where the documented system keeps its menu and environment under UEFI. */
export const BOOT_FOLDER = '/boot/efi/EFI/openEuler'

const UEFI: BootLayout = {
  firmware: 'uefi',
  folder: BOOT_FOLDER,
  mountPoint: '/boot/efi',
}

const LEGACY: BootLayout = {
  firmware: 'legacy',
  folder: '/boot/grub2',
  mountPoint: '/boot/grub2',
}

/** The firmware decides; a system that shows none (light nodes) has the menu of UEFI. */
export async function findBootLayout(sysroot: SysRoot): Promise<BootLayout> {
  const exists = async (path: string) => (await stat(sysroot.path(path))) !== undefined
  if (await exists('/sys/firmware/efi')) return UEFI
  return (await exists(`${LEGACY.folder}/grub.cfg`)) ? LEGACY : UEFI
}
