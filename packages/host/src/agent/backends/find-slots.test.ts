// Slots by identity (contract 4.9 D12), never by digits inside a device name. Trees of links as
// udev and the kernel make them; a folder stands for a device node.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { isOsError } from '@kubenest/base/errors'
import { createSysRoot } from '@kubenest/base/sysroot'
import { findSlots, rootOf } from './find-slots.ts'

// Many small files, on a machine that does other things, too.
setDefaultTimeout(30_000)

let root = ''

beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'find-slots-'))
})
afterEach(() => fs.rm(root, { recursive: true }))

interface Disk {
  readonly name: string
  /** What stands between the disk's name and a partition's number. */
  readonly infix: string
  readonly boot?: string
  readonly sizeMib?: number
}

const LABELS = ['BOOT', 'ROOT-A', 'ROOT-B', 'PERSIST'] as const

/** A disk in sysfs and /dev; labels only for the one that is ours. */
async function putDisk(disk: Disk, labels: readonly string[] = LABELS): Promise<void> {
  const folder = path.join(root, 'sys/devices/pci0/block', disk.name)
  for (const number of [1, 2, 3, 4]) {
    const name = `${disk.name}${disk.infix}${number}`
    await put(`${folder}/${name}/partition`, `${number}\n`)
    await put(`${folder}/${name}/dev`, `8:${number}\n`)
    await put(`${folder}/${name}/size`, `${(disk.sizeMib ?? 100) * number * 2048}\n`)
    await link(`${folder}/${name}`, `sys/class/block/${name}`)
    const device = path.join(root, 'dev', name.replaceAll('!', '/'))
    await fs.mkdir(device, { recursive: true })
    await link(device, `dev/disk/by-partuuid/${disk.name.replaceAll('!', '-')}-guid-0${number}`)
    const label = labels[number - 1]
    if (label !== undefined) await link(device, `dev/disk/by-label/${label}`)
  }
  await put(`${folder}/queue/rotational`, '0\n')
  await put(`${folder}/size`, '1\n')
  await link(folder, `sys/class/block/${disk.name}`)
}

async function put(file: string, text: string): Promise<void> {
  await fs.mkdir(path.dirname(file), { recursive: true })
  await fs.writeFile(file, text)
}

async function link(target: string, name: string): Promise<void> {
  const file = path.join(root, name)
  await fs.mkdir(path.dirname(file), { recursive: true })
  await fs.rm(file, { force: true })
  await fs.symlink(target, file)
}

async function find(rootWord: string) {
  await put(path.join(root, 'proc/cmdline'), `BOOT_IMAGE=/x ro root=${rootWord} quiet\n`)
  return findSlots(createSysRoot(root))
}

async function refusal(rootWord: string): Promise<[string, string]> {
  try {
    await find(rootWord)
  } catch (error) {
    if (isOsError(error)) return [error.code, error.message]
  }
  return ['none', '']
}

const DISKS: readonly Disk[] = [
  { name: 'vda', infix: '' },
  { name: 'sda', infix: '' },
  { name: 'sdaa', infix: '' },
  { name: 'nvme2n1', infix: 'p' },
  { name: 'nvme3n3', infix: 'p' },
  { name: 'mmcblk0', infix: 'p' },
  { name: 'loop23', infix: 'p' },
  { name: 'cciss!c0d2', infix: 'p' },
]

describe('findSlots()', () => {
  for (const disk of DISKS)
    for (const [booted, number] of [
      ['A', 2],
      ['B', 3],
    ] as const)
      test(`findSlots() finds slot ${booted} and the other one on ${disk.name}, with their sizes`, async () => {
        await putDisk(disk)
        const dev = (part: number) =>
          path.join(root, 'dev', `${disk.name}${disk.infix}${part}`.replaceAll('!', '/'))
        const guid = (part: number) => `${disk.name.replaceAll('!', '-')}-guid-0${part}`
        const found = await find(`PARTUUID=${guid(number)}`)
        expect(found).toEqual({
          booted,
          devices: { A: dev(2), B: dev(3) },
          sizesBytes: { A: 200 * 1024 * 1024, B: 300 * 1024 * 1024 },
          partuuids: { a: guid(2), b: guid(3) },
        })
        expect(await find(dev(number).slice(root.length))).toEqual(found)
      })

  test('findSlots() takes the other slot of the disk that runs, not of one with the same names', async () => {
    await putDisk({ name: 'sda', infix: '' })
    await putDisk({ name: 'sdb', infix: '', sizeMib: 7 }, [])
    expect((await find('PARTUUID=sda-guid-02')).devices.B).toBe(path.join(root, 'dev/sda3'))
  })

  test('findSlots() takes the boot partition of the legacy layout', async () => {
    await putDisk({ name: 'sda', infix: '' }, ['GRUB2', 'ROOT-A', 'ROOT-B', 'PERSIST'])
    expect((await find('/dev/sda3')).booted).toBe('B')
  })

  for (const [what, word, reason] of [
    ['partition 1', '/dev/vda1', 'is partition 1; slots are partitions 2 and 3'],
    ['partition 4', 'LABEL=PERSIST', 'is partition 4'],
    ['a whole disk', '/dev/vda', 'names no device'],
    ['what is not there', 'PARTUUID=feed', 'root=PARTUUID=feed names no device'],
    ['a mapping', '/dev/dm-0', 'is not a partition of a disk'],
    ['a path inside a tag', 'LABEL=../../vda2', 'names no device'],
  ] as const)
    test(`findSlots() refuses ${what} as root`, async () => {
      await putDisk({ name: 'vda', infix: '' })
      await fs.mkdir(path.join(root, 'dev/dm-0'))
      await put(path.join(root, 'sys/class/block/dm-0/size'), '1\n')
      const [code, message] = await refusal(word)
      expect(code).toBe('slot-unknown')
      expect(message).toContain(reason)
    })

  test('findSlots() refuses a root that an initramfs chose instead of root=', async () => {
    await putDisk({ name: 'vda', infix: '' })
    const mounts = (device: string) => `20 1 ${device} / / ro - ext4 /dev/root ro\n`
    await put(path.join(root, 'proc/self/mountinfo'), mounts('8:2'))
    expect((await find('/dev/vda2')).booted).toBe('A')
    await put(path.join(root, 'proc/self/mountinfo'), mounts('8:3'))
    expect((await refusal('/dev/vda2'))[1]).toContain('the mounted root is device 8:3')
  })

  for (const [what, labels, reason] of [
    ['without PERSIST', ['BOOT', 'ROOT-A', 'ROOT-B'], 'no partition is labelled PERSIST'],
    ['with PERSIST elsewhere', ['PERSIST', 'ROOT-A', 'ROOT-B'], 'not at its partition 4'],
    ['of an ordinary server', ['EFI', 'root', 'swap', 'PERSIST'], 'neither BOOT nor GRUB2'],
  ] as const)
    test(`findSlots() refuses a disk ${what}`, async () => {
      await putDisk({ name: 'sda', infix: '' }, labels)
      const [code, message] = await refusal('/dev/sda2')
      expect(code).toBe('disk-foreign')
      expect(message).toContain(`Cannot use the disk sda: `)
      expect(message).toContain(reason)
    })

  test('findSlots() refuses a disk whose PERSIST is on another disk', async () => {
    await putDisk({ name: 'sda', infix: '' })
    await putDisk({ name: 'sdb', infix: '' })
    const [code, message] = await refusal('/dev/sda2')
    expect(code).toBe('disk-foreign')
    expect(message).toContain('dev/sdb4')
  })

  test('findSlots() refuses a slot without a size', async () => {
    await putDisk({ name: 'sda', infix: '' })
    await put(path.join(root, 'sys/devices/pci0/block/sda/sda3/size'), '0\n')
    expect((await refusal('/dev/sda2'))[1]).toContain('sda3 has no size')
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
