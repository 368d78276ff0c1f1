// Takes a slot its file system, and with it the kernel, in the disk of a guest that has no power.
import { planDiskLayout } from '@kubenest/workstation/disk/partition-layout'
import { planVmBuild } from '@kubenest/workstation/lab/vm-image-shape'
import { runProgram } from '../vm-lab.ts'

const LIMIT_MS = 60_000
const HEAD_KIB = 64
/** The two bytes that every ext4 file system has there. */
const MAGIC = { atBytes: 1024 + 0x38, bytes: ['0x53', '0xef'] } as const

/** Zeroes the first 64 KiB of a slot; throws when no file system begins there. */
export function wipeSlot(disk: string, slot: 'A' | 'B'): void {
  const startBytes = startOf(slot) * 1024 * 1024
  for (const [index, byte] of MAGIC.bytes.entries())
    runQemuIo(disk, `read -P ${byte} ${startBytes + MAGIC.atBytes + index} 1`)
  runQemuIo(disk, `write -z ${startBytes} ${HEAD_KIB}k`)
}

/** In MiB. */
function startOf(slot: 'A' | 'B'): number {
  const { rootMib, imageGib } = planVmBuild('v1').config.disk
  const nobody = { disk: '', boot: '', rootA: '', rootB: '', persist: '' }
  const { partitions } = planDiskLayout(rootMib, imageGib, nobody)
  const found = partitions.find(({ name }) => name === `ROOT-${slot}`)
  if (found === undefined) throw new Error(`the lab's disk has no slot ${slot}`)
  return found.startMib
}

/** Throws when a pattern is not what was read. */
function runQemuIo(disk: string, command: string): void {
  runProgram('qemu-io', ['-f', 'qcow2', '-c', command, disk], { timeoutMs: LIMIT_MS })
}
