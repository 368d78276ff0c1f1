// One boot of the micro guest on a disk whose requests may fail, until the guest reboots or the
// power goes; and what lies between two boots: the real GRUB decides, and the repairs of a start.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { systemExec } from '@kubenest/base/system-exec'
import { bootDisk, type GrubAnswer } from '../../grub-oracle.ts'
import type { Layout, Region } from '../guest/node-disk.ts'
import { SLOT_A_ARGUMENTS, type GuestParts } from '../guest/record-boots.ts'
import { blockdev, guestArgv, RESULT_WORD } from '../guest/run-guest.ts'
import { NO_FAULTS, type FaultPlan } from './fault-plan.ts'
import { createFaultyDisk, type DiskEvent, type FaultyDisk } from './faulty-disk.ts'
import { serveDisk } from './serve-disk.ts'

const BOOT_LIMIT_MS = 600_000
const READY = 'ready'
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

/** A guest in which an agent serves, and its disk at that moment. */
export interface Moment {
  /** The machine's memory, as QEMU writes it. */
  readonly memory: string
  readonly medium: Uint8Array
}

/** Runs one boot; throws with the end of the console when it ends in another way. */
export async function bootFaulty(parts: GuestParts, boot: FaultyBoot): Promise<BootEnd> {
  const disk = createFaultyDisk(boot.medium.slice(), boot.plan)
  await runMachine(parts, disk, boot, [], () => disk.cutAsked)
  return { events: disk.events, flushes: disk.flushes(), medium: disk.cut() }
}

/** Boots once, up to the moment in which the guest waits for an order. */
export async function keepMoment(parts: GuestParts, medium: Uint8Array): Promise<Moment> {
  const disk = createFaultyDisk(medium.slice(), NO_FAULTS)
  const memory = path.join(parts.folder, 'memory')
  const monitor = path.join(parts.folder, 'monitor.sock')
  const extra = ['-monitor', `unix:${monitor},server=on,wait=off`]
  const boot = { scenario: READY, kernelArguments: SLOT_A_ARGUMENTS }
  await runMachine(parts, disk, boot, extra, async () => {
    await disk.isReady
    await saveMachine(monitor, memory)
  })
  disk.flush()
  return { memory, medium: disk.cut() }
}

/** Goes on from the moment, with an order. */
export async function followOrder(
  parts: GuestParts,
  moment: Moment,
  order: string,
  plan: FaultPlan,
): Promise<BootEnd> {
  const disk = createFaultyDisk(moment.medium.slice(), plan, order)
  const boot = { scenario: READY, kernelArguments: SLOT_A_ARGUMENTS }
  const extra = ['-incoming', `exec:cat ${moment.memory}`]
  await runMachine(parts, disk, boot, extra, () => disk.cutAsked)
  return { events: disk.events, flushes: disk.flushes(), medium: disk.cut() }
}

/** Until `isOver`, or until the guest ends by itself, and then well. */
async function runMachine(
  { folder, kernel, initramfs, tools }: GuestParts,
  disk: FaultyDisk,
  { scenario, kernelArguments }: Pick<FaultyBoot, 'scenario' | 'kernelArguments'>,
  extra: readonly string[],
  isOver: () => Promise<void>,
): Promise<void> {
  const socketPath = path.join(folder, 'node.sock')
  const screen = path.join(folder, `${scenario}.console`)
  const machine = { kernel, initramfs, tools, console: screen, kernelArguments, scenario }
  const server = await serveDisk(socketPath, disk)
  const child = Bun.spawn([...guestArgv(machine, nbdDisk(socketPath)), ...extra], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: BOOT_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  try {
    const how = await Promise.race([isOver().then(() => 'over'), child.exited.then(() => 'ended')])
    if (how === 'ended') await assertFinished(screen, await new Response(child.stderr).text())
  } finally {
    child.kill('SIGKILL')
    await child.exited
    await server.stop()
  }
}

/** Writes the machine to the file; a stopped one would stay stopped in each copy. */
async function saveMachine(monitor: string, file: string): Promise<void> {
  const done = Promise.withResolvers<void>()
  let said = ''
  const socket = await Bun.connect({
    unix: monitor,
    socket: {
      data(_socket, bytes) {
        said += bytes.toString()
        if (said.includes('Migration status: completed')) done.resolve()
        else if (said.includes('Migration status:')) done.reject(new Error(said))
      },
      close: () => done.reject(new Error(said)),
    },
  })
  // Without -d the monitor takes the next command when the machine is written.
  socket.write(`migrate "exec:cat > ${file}"\ninfo migrate\n`)
  await done.promise
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
