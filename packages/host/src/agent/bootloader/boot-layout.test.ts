// Where the boot menu is: the firmware decides, not what happens to lie around.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createSysRoot } from '@kubenest/base/sysroot'
import { findBootLayout } from './boot-layout.ts'

let root = ''

beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'boot-layout-'))
})
afterEach(() => fs.rm(root, { recursive: true }))

async function put(...files: string[]): Promise<void> {
  for (const file of files) {
    await fs.mkdir(path.dirname(path.join(root, file)), { recursive: true })
    await fs.writeFile(path.join(root, file), '')
  }
}

const find = async () => (await findBootLayout(createSysRoot(root))).folder

describe('findBootLayout()', () => {
  test('findBootLayout() takes the legacy folder where there is no UEFI and a menu', async () => {
    await put('boot/grub2/grub.cfg')
    expect(await find()).toBe('/boot/grub2')
  })

  test('findBootLayout() takes the EFI folder under UEFI, whatever a package left in /boot', async () => {
    await put('boot/grub2/grub.cfg', 'sys/firmware/efi/runtime')
    expect(await find()).toBe('/boot/efi/EFI/openEuler')
  })

  test('findBootLayout() takes the EFI folder where nothing can be told', async () => {
    expect(await find()).toBe('/boot/efi/EFI/openEuler')
  })
})
