// Asks the real GRUB which slot a light node boots: composes the disk it would see, runs grub-emu
// on it, and copies the environment block back in place, because GRUB clears `next_entry` there.
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import { ensureDirectory, readBytes, removePath, writeFile } from '@kubenest/base/files'
import { assert } from '@kubenest/base/assert'
import { GRUB_ENVIRONMENT_BYTES } from '@kubenest/provision/boot/grub-environment'
import { type GrubDecision, GRUB_WRAPPER, parseGrubScreen } from './grub-decision.ts'
import {
  DISK_BYTES,
  GRUB_FOLDER,
  type LightNodePaths,
  type LightPartitions,
  PARTITION_OFFSETS,
  renderPartitionTable,
} from './light-layout.ts'

/** GRUB that finds nothing to boot waits for a key for ever. */
const GRUB_TIMEOUT_S = 20

/** The decision; `undefined` when GRUB found nothing to boot. */
export async function askGrub(
  exec: Exec,
  paths: LightNodePaths,
  partitions: LightPartitions,
): Promise<GrubDecision | undefined> {
  const work = `${paths.boot}/grub`
  await removePath(work)
  await ensureDirectory(`${work}/prefix`)
  const disk = `${work}/disk.img`
  await composeDisk(exec, paths, partitions, disk)
  await writeFile(`${work}/prefix/grub.cfg`, GRUB_WRAPPER)
  await writeFile(`${work}/device.map`, `(hd0) ${disk}\n`)
  const screen = await exec.run({
    argv: [
      'timeout',
      '--signal=KILL',
      `${GRUB_TIMEOUT_S}`,
      'grub-emu',
      '-m',
      `${work}/device.map`,
      '-d',
      `${work}/prefix`,
      '-r',
      'host',
    ],
    env: { TERM: 'dumb' },
    timeoutMs: 2 * GRUB_TIMEOUT_S * 1000,
  })
  await takeEnvironment(exec, paths, disk, `${work}/grubenv`)
  await removePath(work)
  return parseGrubScreen(screen.stdout)
}

async function composeDisk(
  exec: Exec,
  paths: LightNodePaths,
  partitions: LightPartitions,
  disk: string,
): Promise<void> {
  const run = (argv: [string, ...string[]], stdin?: string) =>
    runOrThrow(exec, 'compose the disk that GRUB sees', {
      argv,
      ...(stdin === undefined ? {} : { stdin }),
      timeoutMs: 60_000,
    })
  const esp = `${disk}@@${PARTITION_OFFSETS.esp}`
  await run(['truncate', '-s', `${DISK_BYTES}`, disk])
  await run(['sfdisk', '--quiet', disk], renderPartitionTable(partitions))
  await run(['mformat', '-i', esp, '-T', `${espSectors()}`, '::'])
  await run(['mcopy', '-i', esp, '-s', '-Q', `${paths.esp}/EFI`, '::'])
  await run(copyArguments(paths.slotA, disk, PARTITION_OFFSETS.slotA))
  await run(copyArguments(paths.slotB, disk, PARTITION_OFFSETS.slotB))
}

function espSectors(): number {
  return (PARTITION_OFFSETS.slotA - PARTITION_OFFSETS.esp) / 512
}

function copyArguments(from: string, disk: string, offsetBytes: number): [string, ...string[]] {
  return [
    'dd',
    `if=${from}`,
    `of=${disk}`,
    'bs=1M',
    `seek=${offsetBytes / (1024 * 1024)}`,
    'conv=notrunc,sparse',
    'status=none',
  ]
}

async function takeEnvironment(
  exec: Exec,
  paths: LightNodePaths,
  disk: string,
  copy: string,
): Promise<void> {
  const esp = `${disk}@@${PARTITION_OFFSETS.esp}`
  await runOrThrow(exec, 'read the boot environment back', {
    argv: ['mcopy', '-i', esp, '-n', `::${GRUB_FOLDER}/grubenv`, copy],
  })
  const block = await readBytes(copy)
  assert(block?.length === GRUB_ENVIRONMENT_BYTES, 'GRUB keeps the size of its environment block')
  await writeFile(`${paths.esp}/${GRUB_FOLDER}/grubenv`, block)
}
