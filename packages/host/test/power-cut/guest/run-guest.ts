// One boot of the micro guest, with every write and flush of its node disk in a log below the file
// systems (QEMU's `blklogwrites`). The disk is what the guest left.
import * as fs from 'node:fs/promises'

/** What the driver prints when a phase list is done, with the outcome. */
export const RESULT_WORD = 'KUBENEST-RESULT'
/** Before the name of a file and the digest of what it holds at that moment. */
export const VERSION_WORD = 'KUBENEST-VERSION'
/** Before the name of a phase that begins. */
export const PHASE_WORD = 'KUBENEST-PHASE'
/** Before the verdict on the last trial as the agent tells it after a cut. */
export const VERDICT_WORD = 'KUBENEST-VERDICT'

/** Digests that a file had in a boot, by its path in the guest. */
export type FileVersions = ReadonlyMap<string, ReadonlySet<string>>

/** A guest without its node disk. */
export interface GuestMachine {
  readonly kernel: string
  readonly initramfs: string
  readonly tools: string
  readonly console: string
  /** Words of the kernel line as the boot menu gave them. */
  readonly kernelArguments: readonly string[]
  /** What the driver does. */
  readonly scenario: string
}

export interface GuestBoot extends GuestMachine {
  readonly disk: string
  /** Where the record of writes goes. */
  readonly log: string
  readonly limitMs: number
}

/** Runs until the guest reboots; throws with the end of its console when the driver failed. */
export async function runGuest(boot: GuestBoot): Promise<FileVersions> {
  await fs.writeFile(boot.log, new Uint8Array(0))
  const child = Bun.spawn(guestArgv(boot, recordedDisk(boot)), {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: boot.limitMs,
    killSignal: 'SIGKILL',
  })
  const complaint = await new Response(child.stderr).text()
  await child.exited
  const said = await fs.readFile(boot.console, 'utf8').catch(() => '')
  if (said.includes(`${RESULT_WORD} ok`)) return versionsIn(said)
  throw new Error(`The guest failed in ${boot.scenario}: ${complaint}${said.slice(-6000)}`)
}

function versionsIn(said: string): FileVersions {
  const versions = new Map<string, Set<string>>()
  const lines = said.matchAll(new RegExp(`^${VERSION_WORD} (\\S+) ([0-9a-f]{64})`, 'gm'))
  for (const [, file = '', digest = ''] of lines)
    versions.set(file, (versions.get(file) ?? new Set()).add(digest))
  return versions
}

/** The guest hears of an error; else QEMU may stop it and wait for a person. */
const TELL_ERRORS = 'werror=report,rerror=report'

/** How QEMU is called; `node` are the arguments that make the block node `node`. */
export function guestArgv(boot: GuestMachine, node: readonly string[]): string[] {
  const words = [
    'console=ttyS0',
    'quiet',
    'loglevel=4',
    'mitigations=off',
    'nowatchdog',
    // A starved emulator loses the timer's interrupts while the kernel counts them, and it panics.
    'no_timer_check',
    'panic=-1',
    ...boot.kernelArguments.filter((word) => !/^(?:quiet|crashkernel=|panic=)/.test(word)),
    `kubenest.scenario=${boot.scenario}`,
  ]
  const machine =
    '-accel tcg,thread=single,tb-size=256 -cpu max -machine q35 -smp 1 -m 768 -nodefaults' +
    ' -no-user-config -display none -no-reboot -device virtio-rng-pci'
  return [
    'qemu-system-x86_64',
    ...machine.split(' '),
    '-serial',
    `file:${boot.console}`,
    '-kernel',
    boot.kernel,
    '-initrd',
    boot.initramfs,
    '-append',
    words.join(' '),
    ...node,
    '-device',
    `virtio-blk-pci,drive=node,discard=off,write-zeroes=off,write-cache=on,${TELL_ERRORS}`,
    ...blockdev({ driver: 'file', filename: boot.tools, 'node-name': 'tools', 'read-only': true }),
    '-device',
    'virtio-blk-pci,drive=tools',
  ]
}

/** The node's disk, with a record of its requests. */
export function recordedDisk(boot: GuestBoot): string[] {
  return [
    ...blockdev({ driver: 'file', filename: boot.disk, 'node-name': 'file', cache: FAST }),
    ...blockdev({ driver: 'raw', file: 'file', 'node-name': 'raw' }),
    ...blockdev({ driver: 'file', filename: boot.log, 'node-name': 'log', cache: FAST }),
    ...blockdev({ driver: 'blklogwrites', file: 'raw', log: 'log', 'node-name': 'node' }),
  ]
}

// The record is taken above these files: whether they reach this machine's disk is of no interest.
const FAST = { 'no-flush': true }

/** One block node. */
export function blockdev(options: Readonly<Record<string, unknown>>): string[] {
  return ['-blockdev', JSON.stringify(options)]
}
