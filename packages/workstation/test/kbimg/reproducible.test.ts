// The same input and SOURCE_DATE_EPOCH give the same bytes, whenever, wherever and in whatever
// order files came to be (ADR 0070). Real tools, no network.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { digestFile } from '@kubenest/base/files'
import { systemExec } from '@kubenest/base/system-exec'
import { clampTimes } from '../../src/kbimg/steps/clamp-times.ts'
import { composeDisk, makeBootPartition, makePersist } from '../../src/kbimg/steps/make-disk.ts'
import { packContainerImage } from '../../src/kbimg/steps/pack-container-image.ts'
import { makeRootImage, packTar } from '../../src/kbimg/steps/pack-root.ts'
import { createTinyBuild, EPOCH_SECONDS } from './tiny-build.ts'

const FILES = new Map<string, string | Uint8Array>([
  ['usr/lib/os-release', 'PRETTY_NAME="KubeOS v2"\n'],
  ['usr/bin/large', new Uint8Array(300_000).fill(7)],
  ["etc/it's a $name", 'x\n'],
  ['boot/efi/EFI/openEuler/grub.cfg', 'menu\n'],
  ['boot/efi/EFI/openEuler/zz.cfg', 'another\n'],
  ...Array.from({ length: 40 }, (_, index) => [`etc/conf.d/${index}`, `${index}\n`] as const),
])
const ARTEFACTS = ['kubeos.tar', 'root.img', 'root.img.zst', 'system.img', 'upgrade-img.oci.tar']

let folder = ''

async function build(name: string, order: 'forward' | 'backward'): Promise<string[]> {
  const build = await createTinyBuild(path.join(folder, name), FILES, order)
  await clampTimes(build, build.root)
  await packTar(build)
  await makeRootImage(build)
  await makeBootPartition(build)
  await makePersist(build)
  await composeDisk(build)
  await packContainerImage(build)
  const lines = []
  for (const file of ARTEFACTS)
    lines.push(`${file} ${await digestFile(path.join(folder, name, file))}`)
  return lines
}

async function debugfs(request: string): Promise<string> {
  const argv = ['debugfs', '-R', request, path.join(folder, 'first/root.img')] as const
  return await runOrThrow(systemExec, request, { argv, env: { TZ: 'UTC' } })
}

let first: string[] = []

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'kbimg-reproducible-'))
  first = await build('first', 'forward')
}, 120_000)

afterAll(async () => {
  await fs.rm(folder, { recursive: true, force: true })
})

test('a build makes the same tar, ext4, disk and archive from files that came in another order', async () => {
  expect(await build('second/deeper', 'backward')).toEqual(first)
}, 120_000)

test('makeExt4() gives inodes and superblock no other time than SOURCE_DATE_EPOCH', async () => {
  const epoch = `0x${EPOCH_SECONDS.toString(16)}`
  for (const file of ['/', '/usr/bin/large', '/lost+found']) {
    const text = await debugfs(`stat ${file}`)
    const times = [...text.matchAll(/(\w+time): (0x\w+)/g)].map(([, name, time]) => [name, time])
    expect([file, times]).toEqual([
      file,
      ['ctime', 'atime', 'mtime', 'crtime'].map((name) => [name, epoch]),
    ])
  }
  const superblock = await debugfs('show_super_stats -h')
  for (const name of ['Filesystem created', 'Last write time', 'Last checked'])
    expect(superblock).toMatch(new RegExp(`${name}: +Thu Jan +1 00:00:00 2026`))
})
