// One boot of the micro guest on a disk whose requests may fail, until the guest reboots or the
// power goes; and what lies between two boots: the real GRUB decides, and the repairs of a start.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { systemExec } from '@kubenest/base/system-exec'
import { bootDisk, type GrubAnswer } from '../../grub-oracle.ts'
import type { Layout, Region } from '../guest/node-disk.ts'
import type { GuestParts } from '../guest/record-boots.ts'
import { blockdev, guestArgv, RESULT_WORD } from '../guest/run-guest.ts'
import type { FaultPlan } from './fault-plan.ts'
import { createFaultyDisk, type DiskEvent } from './faulty-disk.ts'
import { serveDisk } from './serve-disk.ts'

const BOOT_LIMIT_MS = 600_000
/** As systemd starts them: what these do not repair needs a person. */
const REPAIRS: readonly (readonly [Region, readonly [string, ...string[]]])[] = [
  ['esp', ['fsck.fat', '-a']],
  ['persist', ['e2fsck', '-p']],
]

/** What a boot left. */
export interface BootEnd {
  readonly events: readonly DiskEvent[]
  /** Between the marks of begin and end. */
  readonly flushes: number
  readonly medium: Uint8Array
}

export interface FaultyBoot {
  readonly medium: Uint8Array
  readonly plan: FaultPlan
  readonly scenario: string
  readonly kernelArguments: readonly string[]
}

/** Runs one boot; throws with the end of the console when it ends in another way. */
export async function bootFaulty(parts: GuestParts, boot: FaultyBoot): Promise<BootEnd> {
  const { folder, kernel, initramfs, tools } = parts
  const { kernelArguments, scenario } = boot
  const disk = createFaultyDisk(boot.medium.slice(), boot.plan)
  const socketPath = path.join(folder, 'node.sock')
  const screen = path.join(folder, `${scenario}.console`)
  const machine = { kernel, initramfs, tools, console: screen, kernelArguments, scenario }
  const server = await serveDisk(socketPath, disk)
  const child = Bun.spawn(guestArgv(machine, nbdDisk(socketPath)), {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: BOOT_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  try {
    const isCut = await Promise.race([
      disk.cutAsked.then(() => true),
      child.exited.then(() => false),
    ])
    if (!isCut) await assertFinished(screen, await new Response(child.stderr).text())
    return { events: disk.events, flushes: disk.flushes(), medium: disk.cut() }
  } finally {
    child.kill('SIGKILL')
    await child.exited
    await server.stop()
  }
}

function nbdDisk(socketPath: string): string[] {
  return blockdev({
    driver: 'nbd',
    'node-name': 'node',
    server: { type: 'unix', path: socketPath },
    export: '',
  })
}

async function assertFinished(screen: string, complaint: string): Promise<void> {
  const said = await fs.readFile(screen, 'utf8').catch(() => '')
  if (said.includes(`${RESULT_WORD} ok`)) return
  throw new Error(`The guest failed: ${complaint}${said.slice(-4000)}`)
}

/** What the next boot of a disk begins with. */
export interface NextBoot {
  readonly medium: Uint8Array
  readonly slot: GrubAnswer['slot']
  readonly kernelArguments: readonly string[]
}

/** The boot loader decides, and may write; then file systems are repaired as a start does it. */
export async function nextBoot(
  folder: string,
  layout: Layout,
  medium: Uint8Array,
): Promise<NextBoot> {
  const disk = path.join(folder, 'next.img')
  await fs.writeFile(disk, medium)
  const { slot, kernelArguments } = await bootDisk(path.join(folder, 'next-grub'), disk)
  const after = new Uint8Array(await fs.readFile(disk))
  for (const [region, argv] of REPAIRS) {
    const { start, size } = layout[region]
    const part = path.join(folder, `${region}.part`)
    await fs.writeFile(part, after.subarray(start, start + size))
    await systemExec.run({ argv: [...argv, part] })
    after.set(new Uint8Array(await fs.readFile(part)), start)
  }
  return { medium: after, slot, kernelArguments }
}
