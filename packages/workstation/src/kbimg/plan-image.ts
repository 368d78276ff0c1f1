// PURE: configuration → the ordered steps of a build. Nothing is decided later; build-image.ts only
// runs what stands here.
import type { BuiltImageType, ImageConfig } from './config.ts'

/** What a step does; build-image.ts has one effect for each. */
export type StepId =
  | 'check-machine'
  | 'make-root'
  | 'install-files'
  | 'set-root-password'
  | 'add-users'
  | 'copy-files'
  | 'set-grub-password'
  | 'run-chroot-script'
  | 'enable-services'
  | 'install-kernel'
  | 'prepare-var'
  | 'remove-specifics'
  | 'pack-tar'
  | 'make-root-image'
  | 'make-boot-partition'
  | 'make-persist'
  | 'compose-disk'
  | 'convert-disk'
  | 'pack-container-image'
  | 'write-manifests'

export interface PlannedStep {
  readonly id: StepId
  readonly title: string
}

const BOOT_PACKAGES = [
  'systemd',
  'systemd-sysv',
  'udev',
  'dbus',
  'initramfs-tools',
  'zstd',
  'kmod',
  'mount',
  'util-linux',
  'e2fsprogs',
  'passwd',
  // The documented operator's pod mounts /etc/localtime and waits for ever where there is none.
  'tzdata',
]
const DEFAULT_KERNEL = 'linux-image-cloud-amd64'

/** Ordered steps for one image. */
export function planImage(imageType: BuiltImageType, config: ImageConfig): PlannedStep[] {
  const steps: (PlannedStep | false)[] = [
    { id: 'check-machine', title: 'check this machine' },
    { id: 'make-root', title: 'make root file system from packages' },
    { id: 'install-files', title: 'install agent, units and boot menu' },
    { id: 'set-root-password', title: 'set the password of root' },
    config.users.length > 0 && { id: 'add-users', title: 'add users' },
    config.copies.length > 0 && { id: 'copy-files', title: 'copy files' },
    config.grubPassword !== undefined && {
      id: 'set-grub-password',
      title: 'set the password of the boot menu',
    },
    config.chrootScript !== undefined && {
      id: 'run-chroot-script',
      title: 'run the script inside the root',
    },
    { id: 'enable-services', title: 'enable services' },
    { id: 'install-kernel', title: 'make initramfs and name the kernel' },
    { id: 'prepare-var', title: 'prepare /var for its first boot' },
    { id: 'remove-specifics', title: 'remove what belongs to one machine' },
    { id: 'pack-tar', title: 'pack kubeos.tar' },
    { id: 'make-root-image', title: 'make root.img and root.img.zst' },
    ...(imageType === 'vm-img' ? DISK_STEPS : [CONTAINER_STEP]),
    { id: 'write-manifests', title: 'write digests and manifests' },
  ]
  return steps.filter((step) => step !== false)
}

const DISK_STEPS: readonly PlannedStep[] = [
  { id: 'make-boot-partition', title: 'make boot partition' },
  { id: 'make-persist', title: 'make persist partition' },
  { id: 'compose-disk', title: 'compose system.img' },
  { id: 'convert-disk', title: 'convert to system.qcow2' },
]

const CONTAINER_STEP: PlannedStep = {
  id: 'pack-container-image',
  title: 'pack the container image',
}

/** Packages to install: the user's, what booting needs, and a kernel unless the user names one. */
export function planPackages(config: ImageConfig): string[] {
  const wanted = config.repo.packages
  const hasKernel = wanted.some((name) => name.startsWith('linux-image-'))
  return [...new Set([...BOOT_PACKAGES, ...(hasKernel ? [] : [DEFAULT_KERNEL]), ...wanted])]
}

/**
 * For virtual machines: both consoles, and no check of the timer interrupt, which fails on a busy
 * host without KVM and panics a sound guest.
 */
const VIRTUAL_MACHINE = ['console=tty0', 'console=ttyS0,115200', 'no_timer_check']

/** Kernel arguments: memory for a crash kernel is set aside only where something would use it. */
export function planKernelArguments(config: ImageConfig, documented: readonly string[]): string[] {
  const wantsCrashKernel = config.repo.packages.some((name) => name.startsWith('kdump-tools'))
  return [
    ...documented.filter((word) => wantsCrashKernel || !word.startsWith('crashkernel=')),
    ...VIRTUAL_MACHINE,
  ]
}
