// Makes the world that a booted light node sees: files out of the chosen slot, kernel command line,
// /proc/sys with a boot id of its own, an empty /run.
import { OsError } from '@kubenest/base/errors'
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import { ensureDirectory, readText, removePath, stat, writeFile } from '@kubenest/base/files'
import type { GrubDecision } from './grub-decision.ts'
import type { LightNodePaths } from './light-layout.ts'

/** What came out of a slot. */
export interface BootedSlot {
  readonly kernel: 'boots' | 'panics'
  /** PRETTY_NAME of its os-release. */
  readonly version: string
}

/** Kernel settings that exist on a light node, with the kernel's usual values. */
const KERNEL_SETTINGS: Readonly<Record<string, string>> = {
  'kernel/panic': '3',
  'kernel/pid_max': '4194304',
  'net/ipv4/ip_forward': '0',
  'net/ipv4/tcp_syncookies': '1',
  'net/core/somaxconn': '4096',
  'vm/swappiness': '60',
  'vm/max_map_count': '65530',
  'vm/overcommit_memory': '0',
  'fs/inotify/max_user_watches': '65536',
}

/** Extracts the slot that GRUB chose. */
export async function readBootedSlot(
  exec: Exec,
  paths: LightNodePaths,
  slot: GrubDecision['slot'],
): Promise<BootedSlot> {
  await removePath(paths.booted)
  await ensureDirectory(`${paths.booted}/usr`)
  const image = slot === 'A' ? paths.slotA : paths.slotB
  await dump(exec, image, '/etc /boot', paths.booted)
  await dump(exec, image, '/usr/lib', `${paths.booted}/usr`)
  const kernel = await readText(`${paths.booted}/boot/vmlinuz`)
  const release = await readText(`${paths.booted}/usr/lib/os-release`)
  const version = /^PRETTY_NAME="(.*)"$/m.exec(release ?? '')?.[1]
  if (kernel === undefined || version === undefined) throw unreadable(slot)
  return { kernel: kernel.startsWith('boots') ? 'boots' : 'panics', version }
}

async function dump(exec: Exec, image: string, folders: string, target: string): Promise<void> {
  await runOrThrow(exec, 'read the booted slot', {
    argv: ['debugfs', '-R', `rdump ${folders} .`, image],
    cwd: target,
    timeoutMs: 60_000,
  })
}

/** Prepares /proc/cmdline, /proc/sys and an empty /run for one boot. */
export async function prepareBoot(
  paths: LightNodePaths,
  decision: GrubDecision,
  bootId: string,
): Promise<void> {
  await removePath(paths.boot)
  await removePath(paths.run)
  await ensureDirectory(paths.run)
  for (const [key, value] of Object.entries(KERNEL_SETTINGS)) await writeSetting(paths, key, value)
  await writeSetting(paths, 'kernel/random/boot_id', bootId)
  const words = ['BOOT_IMAGE=/boot/vmlinuz', ...decision.kernelArguments]
  await writeFile(`${paths.boot}/cmdline`, `${words.join(' ')}\n`)
  for (const folder of ['etc/kubenest', 'usr/lib/kubenest', 'usr/lib/systemd'])
    await ensureDirectory(`${paths.booted}/${folder}`)
  if ((await stat(`${paths.booted}/usr/lib/os-release`)) === undefined)
    await writeFile(`${paths.booted}/usr/lib/os-release`, '')
}

async function writeSetting(paths: LightNodePaths, key: string, value: string): Promise<void> {
  const file = `${paths.boot}/proc-sys/${key}`
  await ensureDirectory(file.slice(0, file.lastIndexOf('/')))
  await writeFile(file, `${value}\n`)
}

function unreadable(slot: string): OsError {
  return new OsError('host', {
    code: 'light-slot-unreadable',
    message: `Cannot boot slot ${slot}: it holds no kernel or no os-release`,
  })
}
