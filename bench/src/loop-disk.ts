// A disk of its own for one bench: a file behind a loop device, with a file system, whose counters
// nobody else moves. Needs root.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import path from 'node:path'

const SECTOR_BYTES = 512
/** Field of /sys/block/<name>/stat: sectors written. */
const WRITTEN_FIELD = 6

/** A mounted disk. */
export interface LoopDisk {
  /** Where it is mounted. */
  readonly place: string
  /** Bytes that reached the device so far; what is still in memory is flushed first. */
  writtenBytes(): number
  remove(): void
}

/** Makes and mounts it below `folder`; its room is taken from there at once. */
export function makeLoopDisk(folder: string, sizeBytes: number): LoopDisk {
  const file = path.join(folder, 'disk.img')
  const place = path.join(folder, 'disk')
  fs.mkdirSync(place)
  tool('fallocate', '--length', `${sizeBytes}`, file)
  const device = tool('losetup', '--find', '--show', '--direct-io=on', file).trim()
  // Made whole now, so that no later write is mkfs's.
  tool('mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', device)
  tool('mount', device, place)
  return {
    place,
    writtenBytes() {
      tool('sync', '--file-system', place)
      const stat = fs.readFileSync(`/sys/block/${path.basename(device)}/stat`, 'utf8')
      return Number(stat.trim().split(/\s+/)[WRITTEN_FIELD]) * SECTOR_BYTES
    },
    remove() {
      tool('umount', place)
      tool('losetup', '--detach', device)
      fs.rmSync(file)
    },
  }
}

function tool(...[program = '', ...args]: readonly string[]): string {
  const run = spawnSync(program, args, { encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${run.stderr}`)
  return run.stdout
}
