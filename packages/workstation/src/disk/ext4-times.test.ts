// Real output of dumpe2fs, shortened: the last group is full, the others are not.
import { expect, test } from 'bun:test'
import { parseUsedInodes, renderTimeScript } from './ext4-times.ts'

const OUTPUT = `Inode count:              32
Free inodes:              9
First inode:              11

Group 0: (Blocks 0-32767) csum 0x5211 [ITABLE_ZEROED]
  17150 free blocks, 6 free inodes, 1 directories, 5 unused inodes
  Free blocks: 15618-32767
  Free inodes: 13, 15-16, 20
Group 1: (Blocks 32768-65535) csum 0x8d4f [INODE_UNINIT, ITABLE_ZEROED]
  Free blocks: 33281-65535
  Free inodes: 21-24
Group 2: (Blocks 65536-98303) csum 0x8d4f
  Free blocks: 65536-98303
  Free inodes: 
`

test('parseUsedInodes() lists what is in use, without the inodes of the file system itself', () => {
  expect(parseUsedInodes(OUTPUT)).toEqual([
    2, 11, 12, 14, 17, 18, 19, 25, 26, 27, 28, 29, 30, 31, 32,
  ])
})

test('renderTimeScript() sets both times that mke2fs takes from the machine', () => {
  expect(renderTimeScript([2, 12], 7)).toBe(
    'set_inode_field <2> atime @7\nset_inode_field <2> ctime @7\nset_inode_field <12> atime @7\nset_inode_field <12> ctime @7\n',
  )
})
