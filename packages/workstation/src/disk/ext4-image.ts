// Arguments for an ext4 image made from a folder. Features that GRUB 2.06 cannot read, or that
// would tie the content to its first UUID, are off; everything random is given.
import type { Argv } from '../kbimg/namespaces.ts'

export interface Ext4Options {
  readonly file: string
  readonly sizeMib: number
  readonly uuid: string
  readonly label?: string
  /** Folder that becomes the content; an empty file system without it. */
  readonly folder?: string
}

/** Argument list of mke2fs. */
export function mke2fsArgv(options: Ext4Options): Argv {
  return [
    'mke2fs',
    '-q',
    '-F',
    '-t',
    'ext4',
    '-b',
    '4096',
    '-I',
    '256',
    '-m',
    '0',
    '-O',
    '^metadata_csum_seed,^orphan_file,metadata_csum,64bit',
    '-U',
    options.uuid,
    '-M',
    '/',
    '-o',
    'Linux',
    '-E',
    `hash_seed=${options.uuid},lazy_itable_init=0,lazy_journal_init=0,nodiscard`,
    ...(options.label === undefined ? [] : ['-L', options.label]),
    ...(options.folder === undefined ? [] : ['-d', options.folder]),
    options.file,
    `${options.sizeMib}M`,
  ]
}
