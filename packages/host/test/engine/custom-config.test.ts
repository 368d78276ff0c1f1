// The retrofit of nodes whose menu others made (decision 26).
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createFakeNode, type FakeNode } from './fake-node.ts'

// Real GRUB and real disks, on a machine that does other things, too.
setDefaultTimeout(60_000)

let folder = ''
let node: FakeNode

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'custom-config-'))
  node = await createFakeNode(folder)
})
afterEach(() => fs.rm(folder, { recursive: true }))

async function names(): Promise<string[]> {
  return (await fs.readdir(path.dirname(node.bootFile('x')))).sort()
}

describe('installCustomConfig()', () => {
  test('installCustomConfig() does nothing beside our own menu', async () => {
    await node.engine.recover()
    expect(await names()).toEqual(['grub.cfg', 'grubenv', 'grubenv.bak'])
  })

  test('installCustomConfig() gives a menu of others the entries of this disk, once', async () => {
    await fs.writeFile(node.bootFile('grub.cfg'), 'set default=0\n')
    await node.engine.recover()
    expect(await names()).toEqual(['custom.cfg', 'grub.cfg', 'grubenv', 'grubenv.bak'])
    const text = await fs.readFile(node.bootFile('custom.cfg'), 'utf8')
    expect(text).toContain('root=PARTUUID=22222222-2222-4222-8222-222222222222')
    const before = await fs.stat(node.bootFile('custom.cfg'))
    await node.restart().recover()
    expect((await fs.stat(node.bootFile('custom.cfg'))).ino).toBe(before.ino)
    expect((await node.engine.describe()).degraded).toEqual([])
  })

  test('installCustomConfig() goes on with the kernel words that users have set for each slot', async () => {
    const line = (number: number, words: string) =>
      `        linux   /boot/vmlinuz root=/dev/vda${number} ${words}\n`
    const menu = `set default=0\n${line(2, 'ro hugepages=64 panic=3')}${line(3, 'ro "isolcpus=1" nosmt')}`
    await fs.writeFile(node.bootFile('grub.cfg'), menu)
    await node.engine.recover()
    const text = await fs.readFile(node.bootFile('custom.cfg'), 'utf8')
    const lines = text.split('\n').filter((each) => each.includes('/boot/vmlinuz'))
    expect(lines.map((each) => each.replace(/^.*?root=\S+ /, ''))).toEqual([
      'ro hugepages=64 panic=3 ${kubenest_arguments_a}',
      'ro nosmt ${kubenest_arguments_b}',
    ])
  })

  test('installCustomConfig() completes the empty custom.cfg that a power cut in its rename leaves', async () => {
    await fs.writeFile(node.bootFile('grub.cfg'), 'set default=0\n')
    await fs.writeFile(node.bootFile('custom.cfg'), '')
    await node.engine.recover()
    expect(await names()).toEqual(['custom.cfg', 'grub.cfg', 'grubenv', 'grubenv.bak'])
    expect(await fs.readFile(node.bootFile('custom.cfg'), 'utf8')).toContain('root=PARTUUID=')
    expect((await node.engine.describe()).degraded).toEqual([])
  })

  test('installCustomConfig() never touches a custom.cfg of others and says so', async () => {
    await fs.writeFile(node.bootFile('grub.cfg'), 'set default=0\n')
    await fs.writeFile(node.bootFile('custom.cfg'), 'set timeout=1\n')
    await node.engine.recover()
    expect(await fs.readFile(node.bootFile('custom.cfg'), 'utf8')).toBe('set timeout=1\n')
    const { degraded } = await node.engine.describe()
    expect(degraded.map((each) => each.reason)).toEqual(['CustomCfgForeign'])
  })
})
