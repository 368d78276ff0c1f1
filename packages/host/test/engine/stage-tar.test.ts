// An OS tar into a slot, with real mkfs, mount and tar. Needs the right to mount.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { isOsError, OsError } from '@kubenest/base/errors'
import { runOrThrow, type Exec } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import { pack, type Header } from 'tar-stream'
import { createUpdateEngine } from '../../src/agent/update/engine.ts'
import { systemRawFiles, type RawFiles } from '../../src/linux/raw-file.ts'
import { faultOf } from '../agent/fault-of.ts'
import { canMount } from './can-mount.ts'
import { createFakeNode, SLOT_BYTES, writeRoot, type FakeNode } from './fake-node.ts'

// Machines under load are slow; a hang still ends.
setDefaultTimeout(120_000)

let folder = ''
let node: FakeNode
const never = new AbortController().signal

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'stage-tar-'))
  node = await createFakeNode(folder)
  await node.engine.recover()
})
afterEach(() => fs.rm(folder, { recursive: true }))

async function prepare(tar: Uint8Array, version: string, engine = node.engine): Promise<void> {
  node.serve(tar)
  const request = {
    version,
    check_sum: new Bun.CryptoHasher('sha256').update(tar).digest('hex'),
    image_type: 'disk',
    container_image: '',
    image_url: 'http://x/y',
    flag_safe: true,
    mtls: false,
    certs: { ca_cert: '', client_cert: '', client_key: '' },
  }
  await engine.prepare(request, () => {}, never)
}

async function codeOf(task: Promise<unknown>): Promise<string> {
  try {
    await task
    return 'none'
  } catch (error) {
    return isOsError(error) ? error.code : String(error)
  }
}

async function tarOfRoot(version: string): Promise<Uint8Array> {
  const root = path.join(folder, `tree-${version}`)
  await writeRoot(root, { version })
  await fs.writeFile(path.join(root, 'usr/bin/suid'), 'x')
  await fs.chmod(path.join(root, 'usr/bin/suid'), 0o4755)
  await runOrThrow(systemExec, 'add a device', { argv: ['mkdir', path.join(root, 'dev')] })
  await systemExec.run({ argv: ['mknod', path.join(root, 'dev/null'), 'c', '1', '3'] })
  const file = `${root}.tar`
  await runOrThrow(systemExec, 'pack', { argv: ['tar', '-cf', file, '-C', root, '.'] })
  return new Uint8Array(await fs.readFile(file))
}

async function tarOf(header: Partial<Header> & { name: string }): Promise<Uint8Array> {
  const packer = pack()
  packer.entry(header, '')
  packer.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of packer) chunks.push(chunk as Uint8Array)
  return new Uint8Array(Buffer.concat(chunks))
}

/** An engine whose flushes of the slot are noted between the programs; one of them may fail. */
function watchedEngine(failingFlush: number, seen: string[]) {
  const exec: Exec = {
    run(request) {
      if (['sync', 'umount'].includes(request.argv[0])) seen.push(request.argv[0])
      return systemExec.run(request)
    },
  }
  const rawFiles: RawFiles = {
    async open(file, options) {
      const handle = await systemRawFiles.open(file, options)
      if (file !== node.slotFile('B') || options.access !== 'read') return handle
      return {
        ...handle,
        async sync() {
          seen.push('flush')
          if (seen.filter((each) => each === 'flush').length === failingFlush)
            throw new OsError('host', { code: 'device-failed', message: 'Cannot flush' })
          await handle.sync()
        },
      }
    },
  }
  return createUpdateEngine({ ...node.deps, exec, rawFiles })
}

describe.skipIf(!canMount)('stageTar()', () => {
  test('stageTar() flushes the device before it unmounts, which tells of no flush that failed', async () => {
    const seen: string[] = []
    await prepare(await tarOfRoot('v2'), 'v2', watchedEngine(0, seen))
    expect(seen.slice(0, 6)).toEqual(['sync', 'flush', 'sync', 'flush', 'umount', 'flush'])
    const tar = await tarOfRoot('v3')
    for (const failing of [1, 2, 3]) {
      const task = prepare(tar, 'v3', watchedEngine(failing, []))
      expect(await codeOf(task)).toBe('device-failed')
      const head = (await fs.readFile(node.slotFile('B'))).subarray(0, 65_536)
      expect(head.every((byte) => byte === 0)).toBe(true)
    }
    expect((await node.boot()).slot).toBe('A')
  })

  test('stageTar() makes a slot that boots, keeps set-uid, skips devices, leaves nothing behind', async () => {
    await prepare(await tarOfRoot('v2'), 'v2')
    const slot = (await node.engine.describe()).slots[1]
    expect(slot?.state).toBe('verified')
    const look = await systemExec.run({
      argv: ['debugfs', '-R', 'stat /usr/bin/suid', node.slotFile('B')],
    })
    expect(look.stdout).toContain('Mode:  04755')
    const device = await systemExec.run({ argv: ['debugfs', '-R', 'ls /dev', node.slotFile('B')] })
    expect(device.stdout).not.toContain('null')
    expect(await fs.readdir(path.join(node.root, 'persist'))).toEqual(['kubenest'])
    const digest = new Bun.CryptoHasher('sha256').update(await fs.readFile(node.slotFile('B')))
    expect(slot?.digest).toBe(digest.digest('hex'))
    await node.engine.activate({})
    expect((await node.boot()).slot).toBe('B')
  })

  test('stageTar() refuses a truncated tar and leaves nothing bootable', async () => {
    const tar = await tarOfRoot('v2')
    expect(await codeOf(prepare(tar.subarray(0, 100_000), 'v2'))).toBe('image-damaged')
    expect((await node.boot()).slot).toBe('A')
    expect(await fs.readdir(path.join(node.root, 'persist'))).toEqual(['kubenest'])
  })

  test('stageTar() names the slot and its size when the files of a tar do not fit', async () => {
    const root = path.join(folder, 'tree-v3')
    await writeRoot(root, { version: 'v3' })
    await fs.mkdir(path.join(root, 'many'))
    // No content at all, and more files than the file system of the slot has inodes.
    for (let at = 0; at < SLOT_BYTES / 4096; at += 1)
      await fs.writeFile(path.join(root, 'many', String(at)), '')
    const file = path.join(folder, 'many.tar')
    await runOrThrow(systemExec, 'pack', { argv: ['tar', '-cf', file, '-C', root, '.'] })
    const fault = await faultOf(prepare(new Uint8Array(await fs.readFile(file)), 'v3'))
    expect(fault).toMatchObject({
      kind: 'invalid',
      code: 'image-too-large',
      message: expect.stringContaining(`${node.slotFile('B')}, ${SLOT_BYTES} bytes`) as string,
    })
    expect(await fs.readdir(path.join(node.root, 'persist'))).toEqual(['kubenest'])
    expect((await node.boot()).slot).toBe('A')
  })

  test('stageTar() tells what went wrong first, not that the clean-up fails as well', async () => {
    let isBroken = true
    const exec: Exec = {
      run: (request) =>
        isBroken && (request.argv[0] === 'sync' || request.argv[0] === 'umount')
          ? Promise.resolve({ exitCode: 1, stdout: '', stderr: `${request.argv[0]}: no` })
          : systemExec.run(request),
    }
    const engine = createUpdateEngine({ ...node.deps, exec })
    const fault = await faultOf(prepare(await tarOfRoot('v2'), 'v2', engine))
    isBroken = false
    await engine.recover()
    const story = /Cannot flush the slot: sync exited with 1: sync: no; see the kernel's messages/
    expect(fault).toMatchObject({ message: expect.stringMatching(story) as string })
    expect(await fs.readdir(path.join(node.root, 'persist'))).toEqual(['kubenest'])
    expect((await node.boot()).slot).toBe('A')
  })

  test('receiveTar() tells what went wrong first, not that the clean-up fails as well', async () => {
    const work = path.join(node.root, 'persist/KubeOS-Update')
    const exec: Exec = {
      run: (request) =>
        request.argv[0] === 'findmnt'
          ? Promise.reject(new Error('clean-up'))
          : systemExec.run(request),
    }
    const rawFiles: RawFiles = {
      async open(file, options) {
        const handle = await systemRawFiles.open(file, options)
        if (!file.startsWith(work)) return handle
        const write = async () => {
          await fs.mkdir(path.join(work, 'slot'))
          throw new OsError('host', { code: 'device-failed', message: 'Cannot write the copy' })
        }
        return { ...handle, write }
      },
    }
    const engine = createUpdateEngine({ ...node.deps, exec, rawFiles })
    expect(await codeOf(prepare(await tarOfRoot('v2'), 'v2', engine))).toBe('device-failed')
    await node.restart().recover()
    await prepare(await tarOfRoot('v3'), 'v3')
    expect(await fs.readdir(path.join(node.root, 'persist'))).toEqual(['kubenest'])
  })

  test('stageTar() blanks the slot when the version inside is another one', async () => {
    expect(await codeOf(prepare(await tarOfRoot('v9'), 'v2'))).toBe('image-version-mismatch')
    const head = (await fs.readFile(node.slotFile('B'))).subarray(0, 65_536)
    expect(head.every((byte) => byte === 0)).toBe(true)
  })

  const refused: [string, Partial<Header> & { name: string }][] = [
    ['a name with ..', { name: 'a/../../etc/passwd', size: 0 }],
    ['an absolute name', { name: '/etc/passwd', size: 0 }],
    ['a link above the root', { name: 'a/b', type: 'symlink', linkname: '../../etc', size: 0 }],
    ['a hard link with ..', { name: 'a', type: 'link', linkname: '../etc/passwd', size: 0 }],
    ['a device outside /dev', { name: 'etc/null', type: 'character-device', devmajor: 1, size: 0 }],
  ]
  for (const [what, header] of refused) {
    test(`stageTar() refuses ${what} before anything is unpacked`, async () => {
      expect(await codeOf(prepare(await tarOf(header), 'v2'))).toBe('image-member-refused')
      expect((await fs.stat(node.slotFile('B'))).size).toBe(SLOT_BYTES)
      expect((await node.boot()).slot).toBe('A')
    })
  }
})
