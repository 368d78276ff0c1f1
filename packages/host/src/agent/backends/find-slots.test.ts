// Slots by identity (contract 4.9 D12), never by digits inside a device name.
import { describe, expect, test } from 'bun:test'
import { isOsError } from '@kubenest/base/errors'
import { findPartitionSlots, rootOf } from './find-slots.ts'

describe('findPartitionSlots()', () => {
  for (const [device, booted, sibling] of [
    ['/dev/vda2', 'A', '/dev/vda3'],
    ['/dev/sda3', 'B', '/dev/sda2'],
    ['/dev/nvme2n1p3', 'B', '/dev/nvme2n1p2'],
    ['/dev/nvme3n3p2', 'A', '/dev/nvme3n3p3'],
  ] as const)
    test(`findPartitionSlots() takes ${device} for ${booted} beside ${sibling}`, () => {
      expect(findPartitionSlots(device)).toEqual({ booted, sibling })
    })

  for (const device of ['/dev/vda4', '/dev/vda12', '/dev/vda', '/dev/mapper/kubeos-root'])
    test(`findPartitionSlots() refuses ${device}`, () => {
      try {
        findPartitionSlots(device)
        expect('no error').toBe(device)
      } catch (error) {
        expect(isOsError(error, 'slot-unknown')).toBe(true)
      }
    })
})

describe('rootOf()', () => {
  test('rootOf() takes the last root= and no other word', () => {
    expect(rootOf('BOOT_IMAGE=/x rootfstype=ext4 root=/dev/a quiet root=PARTUUID=b\n')).toBe(
      'PARTUUID=b',
    )
    expect(rootOf('rootwait ro')).toBeUndefined()
  })
})
