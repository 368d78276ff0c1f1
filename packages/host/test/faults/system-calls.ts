// The system calls that change what survives a kill, by their x86-64 numbers, and where each says
// what it changes.

/** How the object of a call is found in its arguments. */
export type CallObject =
  | { readonly kind: 'descriptor'; readonly argument: number }
  | { readonly kind: 'path'; readonly argument: number }

export interface SystemCall {
  readonly name: string
  readonly number: number
  readonly object: CallObject
  /** Only calls with one of these bits in this argument count. */
  readonly bits?: { readonly argument: number; readonly mask: number }
  /** Only calls with this value, of the masked bits, in this argument count. */
  readonly equals?: { readonly argument: number; readonly mask: number; readonly value: number }
}

const O_CREAT_OR_TRUNC = 0o100 | 0o1000
/** Commands of loop devices are 0x4c00 to 0x4cff. */
const LOOP_COMMANDS = { argument: 1, mask: 0xff00, value: 0x4c00 }

function onDescriptor(name: string, number: number): SystemCall {
  return { name, number, object: { kind: 'descriptor', argument: 0 } }
}

function onPath(name: string, number: number, argument: number): SystemCall {
  return { name, number, object: { kind: 'path', argument } }
}

/** Calls that change files, names, mounts or loop devices. */
export const DURABLE_CALLS: readonly SystemCall[] = [
  onDescriptor('write', 1),
  onDescriptor('pwrite64', 18),
  onDescriptor('writev', 20),
  onDescriptor('pwritev', 296),
  onDescriptor('pwritev2', 328),
  { ...onDescriptor('copy_file_range', 326), object: { kind: 'descriptor', argument: 2 } },
  onDescriptor('sendfile', 40),
  onDescriptor('fsync', 74),
  onDescriptor('fdatasync', 75),
  onDescriptor('syncfs', 306),
  onDescriptor('ftruncate', 77),
  onDescriptor('fallocate', 285),
  onDescriptor('fchmod', 91),
  onDescriptor('fchown', 93),
  onPath('rename', 82, 1),
  onPath('renameat', 264, 3),
  onPath('renameat2', 316, 3),
  onPath('link', 86, 1),
  onPath('linkat', 265, 3),
  onPath('symlink', 88, 1),
  onPath('symlinkat', 266, 2),
  onPath('unlink', 87, 0),
  onPath('unlinkat', 263, 1),
  onPath('mkdir', 83, 0),
  onPath('mkdirat', 258, 1),
  onPath('rmdir', 84, 0),
  onPath('chmod', 90, 0),
  onPath('fchmodat', 268, 1),
  onPath('mount', 165, 1),
  onPath('umount2', 166, 0),
  { ...onPath('open', 2, 0), bits: { argument: 1, mask: O_CREAT_OR_TRUNC } },
  { ...onPath('openat', 257, 1), bits: { argument: 2, mask: O_CREAT_OR_TRUNC } },
  { ...onDescriptor('ioctl', 16), equals: LOOP_COMMANDS },
]

/** How slots and records are read; a disk may refuse that, too. */
export const READING_CALLS: readonly SystemCall[] = [onDescriptor('pread64', 17)]
