// The shape is part of a cache key: it holds what shapes an image, and nothing of this machine.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { PAUSE_COMPONENT, productComponents } from '../oci/component-image.ts'
import { describeComponents, describeVmImage, planVmBuild } from './vm-image-shape.ts'
import { VM_VERSIONS } from './vm-recipe.ts'

const SOURCES = 'deb http://mirror.example/debian bookworm main\n'
let folder = ''

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'vm-shape-'))
})
afterEach(() => fs.rm(folder, { recursive: true }))

test('describeVmImage() is the same in any folder and leaves nothing there', async () => {
  const first = await describeVmImage('v1', SOURCES, path.join(folder, 'a'))
  expect(await describeVmImage('v1', SOURCES, path.join(folder, 'b/deeper'))).toEqual(first)
  expect(first.image).not.toContain(folder)
  expect(await fs.readdir(path.join(folder, 'b'))).toEqual([])
  expect(await fs.readdir(folder)).toEqual(['b'])
})

test('describeVmImage() holds programs, units, menu, rules and the boot environment', async () => {
  const { image } = await describeVmImage('v1', SOURCES, path.join(folder, 'a'))
  for (const part of [
    'mmdebstrap',
    '^metadata_csum_seed', // options of mke2fs
    'password_pbkdf2', // modules of the boot loader
    'Description=Writable /etc', // text of a unit
    'menuentry', // text of the menu
    'C /var/lib/a\\\\x20file', // how rules for /var are made
    'saved_entry=A', // text of the boot environment
    'least_uptime_seconds', // text of the health timings
    'mirror.example',
    'label: gpt',
  ])
    expect([part, image.includes(part)]).toEqual([part, true])
})

test('describeVmImage() tells versions apart, and that they share their packages', async () => {
  const shapes = []
  for (const version of VM_VERSIONS)
    shapes.push(await describeVmImage(version, SOURCES, `${folder}/a`))
  expect(new Set(shapes.map(({ image }) => image)).size).toBe(VM_VERSIONS.length)
  expect(new Set(shapes.map(({ packages }) => packages)).size).toBe(1)
  const other = await describeVmImage('v1', `${SOURCES}# another\n`, `${folder}/a`)
  expect(other.packages).not.toBe(shapes[0]?.packages)
})

test('planVmBuild() makes a disk of v1 and upgrades of the others', () => {
  expect(VM_VERSIONS.map((version) => planVmBuild(version).imageType)).toEqual([
    'vm-img',
    'upgrade-img',
    'upgrade-img',
    'upgrade-img',
  ])
})

test('describeComponents() changes with user, tag and base content, not with the program path', () => {
  const first = describeComponents([PAUSE_COMPONENT, ...productComponents('/a')], 'lab')
  expect(describeComponents([PAUSE_COMPONENT, ...productComponents('/b')], 'lab')).toBe(first)
  expect(describeComponents([PAUSE_COMPONENT], 'lab')).not.toBe(first)
  expect(describeComponents([PAUSE_COMPONENT, ...productComponents('/a')], 'other')).not.toBe(first)
  expect(first).toContain('libnss_dns.so.2')
})
