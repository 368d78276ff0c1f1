// The file system of a slot, mounted while an image is unpacked or compared, never longer.
import type { Clock } from '@kubenest/base/clock'
import { runOrThrow, type Exec } from '@kubenest/base/exec'
import type { RawFiles } from '../../linux/raw-file.ts'

const BUSY_TRIES = 20
const BUSY_PAUSE_MS = 500
/** What all programs on a slot fail for that a person can mend. */
export const SLOT_REMEDY = "see the kernel's messages about the disk"

/** What mounting needs. */
export interface MountDeps {
  readonly exec: Exec
  readonly clock: Clock
}

/** What flushing a device needs. */
export interface FlushDeps {
  readonly rawFiles: RawFiles
}

/** A slot and where it is mounted, as real paths. */
export interface SlotMount {
  readonly device: string
  /** The slot is a file: the kernel makes a device of it meanwhile. */
  readonly isFile: boolean
  readonly mountPoint: string
}

/** Mounts the slot. */
export async function mountSlot(
  deps: MountDeps,
  { device, isFile, mountPoint }: SlotMount,
  options: string,
): Promise<void> {
  const all = isFile ? `${options},loop` : options
  const argv = ['mount', '-t', 'ext4', '-o', all, device, mountPoint] as const
  await runWhenFree(deps, `mount the slot ${device}`, argv)
}

/** Unmounts the slot. */
export async function unmountSlot(deps: MountDeps, mountPoint: string): Promise<void> {
  await runWhenFree(deps, 'unmount the slot', ['umount', mountPoint])
}

/**
 * Everything in the mounted slot is on the medium, in its place, when this resolves. The journal of
 * a file system would be enough for a cut, not for a failed flush: what is only in there goes to
 * its place when the slot is unmounted, and unmounting tells nobody of a flush that failed.
 */
export async function flushSlot(
  deps: MountDeps & FlushDeps,
  { device, mountPoint }: SlotMount,
): Promise<void> {
  const argv = ['sync', '--file-system', mountPoint] as const
  await runOrThrow(deps.exec, 'flush the slot', { argv: [...argv] }, SLOT_REMEDY)
  await flushDevice(deps, device)
}

/** What was written to the device, by whomever, is on the medium when this resolves. */
export async function flushDevice({ rawFiles }: FlushDeps, device: string): Promise<void> {
  const file = await rawFiles.open(device, { access: 'read' })
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/**
 * A program that was killed with its agent may hold a mount for a moment longer, and so may whoever
 * looks at every new device.
 */
async function runWhenFree(
  deps: MountDeps,
  purpose: string,
  argv: readonly [string, ...string[]],
): Promise<void> {
  for (let tries = 1; tries < BUSY_TRIES; tries += 1) {
    const { exitCode, stderr } = await deps.exec.run({ argv })
    if (exitCode === 0) return
    if (!stderr.includes('busy')) break
    await deps.clock.sleep(BUSY_PAUSE_MS)
  }
  await runOrThrow(deps.exec, purpose, { argv }, SLOT_REMEDY)
}
