// A memory cgroup for one program, of either version of the interface. Also the read-ahead of the
// device that holds the program: pages of the executable count, and large read-ahead would fill
// the group with pages that nobody asked for (runtime notes, fact 7).
import * as fs from 'node:fs'
import path from 'node:path'

const NAME = 'kubenest-bench'

/** A cgroup with a limit. */
export interface MemoryCgroup {
  readonly folder: string
  /** Most memory that was charged, bytes; `undefined` where the kernel does not tell. */
  mostBytes(): number | undefined
  /** Times that the kernel killed in it. */
  killed(): number
  remove(): void
}

/** Makes one below the root of the hierarchy; needs root. */
export function makeMemoryCgroup(limitBytes: number): MemoryCgroup {
  const isFirst = fs.existsSync('/sys/fs/cgroup/memory/cgroup.procs')
  const folder = path.join(isFirst ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup', NAME)
  const files = isFirst
    ? {
        limit: 'memory.limit_in_bytes',
        most: 'memory.max_usage_in_bytes',
        kills: 'memory.oom_control',
      }
    : { limit: 'memory.max', most: 'memory.peak', kills: 'memory.events' }
  if (!isFirst) fs.writeFileSync('/sys/fs/cgroup/cgroup.subtree_control', '+memory')
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, files.limit), `${limitBytes}`)
  const read = (name: string) => fs.readFileSync(path.join(folder, name), 'utf8')
  return {
    folder,
    mostBytes: () =>
      fs.existsSync(path.join(folder, files.most)) ? Number(read(files.most)) : undefined,
    killed: () => Number(/^oom_kill (\d+)$/m.exec(read(files.kills))?.[1] ?? 0),
    remove: () => fs.rmdirSync(folder),
  }
}

/** Sets the read-ahead of the device that holds `file`; the result puts the old value back. */
export function setReadAhead(file: string, kib: number): () => void {
  const device = fs.statSync(file).dev
  const [major, minor] = [(device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00)]
  const real = fs.realpathSync(`/sys/dev/block/${major}:${minor}`)
  // A partition has no queue of its own.
  const disk = fs.existsSync(path.join(real, 'queue')) ? real : path.dirname(real)
  const knob = path.join(disk, 'queue/read_ahead_kb')
  const before = fs.readFileSync(knob, 'utf8').trim()
  fs.writeFileSync(knob, `${kib}`)
  return () => fs.writeFileSync(knob, before)
}
