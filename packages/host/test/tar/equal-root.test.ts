// A slot filled from a tar equals a root unpacked by GNU tar: both are packed again in one order
// and compared byte by byte: every name, mode, owner, time, link, content and attribute.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import { canMount } from '../engine/can-mount.ts'
import { createFakeNode, writeRoot, type FakeNode } from '../engine/fake-node.ts'
import { requestFor } from '../engine/requests.ts'
import { archive, member, pax } from './tar-blocks.ts'

const LIMIT_MS = 300_000
const SLOT_BYTES = 96 * 1024 * 1024
const LONG = 'a-name-that-is-too-long-for-the-hundred-bytes-of-a-header'.repeat(4)
let folder = ''
let root = ''

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'equal-'))
  root = path.join(folder, 'root')
  await makeRoot()
}, LIMIT_MS)
afterAll(() => fs.rm(folder, { recursive: true }))
afterEach(() => fs.rm(path.join(folder, 'node'), { recursive: true, force: true }))

function run(...argv: [string, ...string[]]): Promise<string> {
  return runOrThrow(systemExec, argv[0], { argv, timeoutMs: LIMIT_MS })
}

/** A root with everything that a tar can hold. */
async function makeRoot(): Promise<void> {
  await writeRoot(root, { version: 'v2' })
  const at = (name: string) => path.join(root, name)
  await fs.mkdir(at(`srv/${LONG}`), { recursive: true })
  await fs.writeFile(at(`srv/${LONG}/${LONG}`), 'long')
  await fs.symlink(`../${LONG}/${LONG}/${LONG}`, at('srv/long-link'))
  await fs.writeFile(at('srv/ümläut 名前 "quoted" \\ *?[x]'), 'name')
  await fs.writeFile(at('srv/empty'), '')
  await fs.link(at(`srv/${LONG}/${LONG}`), at('srv/hard'))
  await fs.link(at('boot/vmlinuz'), at('boot/vmlinuz-6.1'))
  await fs.symlink('/etc/absolute', at('srv/absolute'))
  await fs.symlink('nowhere', at('srv/dangling'))
  await fs.writeFile(at('usr/bin/su'), 'x'.repeat(100_000))
  await fs.chmod(at('usr/bin/su'), 0o6755)
  await fs.mkdir(at('tmp'), { mode: 0o777 })
  await fs.chmod(at('tmp'), 0o1777)
  await fs.chown(at('srv/empty'), 1234, 4_000_000)
  await fs.lchown(at('srv/dangling'), 65534, 65534)
  await fs.utimes(at('srv/empty'), 1, 123_456_789.123)
  await fs.chmod(at('srv/empty'), 0)
  const sparse = await fs.open(at('srv/sparse'), 'w')
  await sparse.truncate(20_000_000)
  for (const position of [0, 5_000_000, 12_345_678]) await sparse.write('data', position)
  await sparse.close()
  await fs.mkdir(at('dev'))
  await run('mkfifo', at('srv/pipe'))
  await run('mknod', at('dev/null'), 'c', '1', '3')
  await addAttributes()
}

/** Attributes by way of a tar: no tool that sets them is needed. */
async function addAttributes(): Promise<void> {
  const capability = Uint8Array.of(1, 0, 0, 2, 0, 0x20, 0, 0, ...new Uint8Array(12))
  const list = 'user::rwx,user:1234:r--,group::r-x,mask::r-x,other::---'
  const tar = archive(
    pax([
      ['SCHILY.xattr.user.comment', 'wörds and \n lines'],
      ['SCHILY.xattr.security.capability', capability],
    ]),
    member({ name: 'usr/bin/ping', mode: 0o755, content: 'ping' }),
    pax([['SCHILY.acl.access', list]]),
    member({ name: 'srv/listed', mode: 0o750, content: 'acl' }),
  )
  const file = path.join(folder, 'attributes.tar')
  await fs.writeFile(file, tar)
  await run(
    'tar',
    '--extract',
    '--xattrs',
    '--xattrs-include=*',
    '--acls',
    `--file=${file}`,
    `--directory=${root}`,
  )
}

/** One description of a tree in which every difference shows. */
async function packAgain(tree: string): Promise<string> {
  const file = path.join(folder, `again-${crypto.randomUUID()}.tar`)
  await run(
    'tar',
    '--create',
    '--sort=name',
    '--format=posix',
    '--pax-option=exthdr.name=%d/x/%f,delete=atime,delete=ctime',
    '--numeric-owner',
    '--xattrs',
    '--xattrs-include=*',
    '--acls',
    '--exclude=./lost+found',
    `--file=${file}`,
    `--directory=${tree}`,
    '.',
  )
  const listing = await run('tar', '--list', '--verbose', '--full-time', `--file=${file}`)
  const digest = new Bun.CryptoHasher('sha256').update(await fs.readFile(file)).digest('hex')
  await fs.rm(file)
  return `${listing}\n${digest}`
}

async function unpackByTar(tar: string): Promise<string> {
  const tree = path.join(folder, `unpacked-${path.basename(tar)}`)
  await fs.mkdir(tree)
  await run(
    'tar',
    '--extract',
    '--numeric-owner',
    '--same-permissions',
    '--same-owner',
    '--xattrs',
    '--xattrs-include=*',
    '--acls',
    '--selinux',
    `--file=${tar}`,
    `--directory=${tree}`,
    '--exclude=./dev/null',
  )
  return tree
}

async function slotOf(tar: string, look: (tree: string) => Promise<void>): Promise<void> {
  const node: FakeNode = await createFakeNode(path.join(folder, 'node'), { slotBytes: SLOT_BYTES })
  await node.engine.recover()
  const bytes = new Uint8Array(await fs.readFile(tar))
  node.serve(bytes)
  await node.engine.prepare(requestFor(bytes, 'v2'), () => {}, new AbortController().signal)
  const tree = path.join(folder, 'slot')
  await fs.mkdir(tree)
  await run('mount', '-o', 'ro,loop', node.slotFile('B'), tree)
  try {
    await look(tree)
  } finally {
    await run('umount', tree)
    await fs.rmdir(tree)
  }
}

const FORMS: [string, string[]][] = [
  ['PAX with sparse files 1.0', ['--format=posix', '--sparse', '--xattrs', '--acls']],
  [
    'PAX with sparse files 0.1',
    ['--format=posix', '--sparse', '--sparse-version=0.1', '--xattrs', '--acls'],
  ],
  [
    'PAX with sparse files 0.0',
    ['--format=posix', '--sparse', '--sparse-version=0.0', '--xattrs', '--acls'],
  ],
  ['PAX without holes', ['--format=posix', '--xattrs', '--acls']],
  ['GNU with sparse files', ['--format=gnu', '--sparse']],
  ['GNU without holes', ['--format=gnu']],
]

// Loud where it cannot run: tests of the gate run as root.
describe('a slot filled from a tar of GNU tar equals a root unpacked by it', () => {
  for (const [what, options] of FORMS)
    test(
      `in the form ${what}`,
      async () => {
        expect(canMount).toBe(true)
        const tar = path.join(folder, `${what.replaceAll(' ', '-')}.tar`)
        const attributes = options.includes('--xattrs') ? ['--xattrs-include=*'] : []
        await run(
          'tar',
          '--create',
          ...options,
          ...attributes,
          `--file=${tar}`,
          `--directory=${root}`,
          '.',
        )
        const tree = await unpackByTar(tar)
        const expected = await packAgain(tree)
        expect(expected).toContain('srv/sparse')
        await slotOf(tar, async (slot) => {
          expect(await packAgain(slot)).toBe(expected)
          const sparse = await fs.stat(path.join(slot, 'srv/sparse'))
          if (options.includes('--sparse')) expect(sparse.blocks * 512).toBeLessThan(1_000_000)
          expect((await fs.stat(path.join(slot, 'boot/vmlinuz'))).nlink).toBe(2)
        })
      },
      LIMIT_MS,
    )
})
