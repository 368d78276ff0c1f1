// S-14: links and folders put where the agent works, before it comes and while it unpacks. Nothing
// outside is touched, and what is unpacked is the image.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { runOrThrow, type Exec } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import { createImageSource } from '../../src/agent/sources/select-source.ts'
import { createFakeNode, writeRoot, type FakeNode } from '../engine/fake-node.ts'
import { refusalOf, requestFor } from '../engine/requests.ts'

setDefaultTimeout(120_000)
const NOBODY = 65534
let folder = ''
let node: FakeNode
let persist = ''
let work = ''
let outside = ''
let image: Uint8Array

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'races-'))
  node = await createFakeNode(folder)
  await node.engine.recover()
  persist = path.join(node.root, 'persist')
  work = path.join(persist, 'KubeOS-Update')
  // What must not change: with the names that we use ourselves.
  outside = path.join(folder, 'outside')
  await fs.mkdir(path.join(outside, 'slot'), { recursive: true })
  await fs.mkdir(path.join(outside, 'kubeos-update'))
  for (const name of ['os.tar', 'slot/precious', 'kubeos-update/precious'])
    await fs.writeFile(path.join(outside, name), 'precious')
  // As on a node, where everybody may look into /persist.
  for (const each of [folder, node.root, persist]) await fs.chmod(each, 0o755)
  image = await tarOfRoot()
  node.serve(image)
})
afterEach(() => fs.rm(folder, { recursive: true }))

async function run(...argv: [string, ...string[]]): Promise<void> {
  await runOrThrow(systemExec, argv[0], { argv })
}

async function tarOfRoot(): Promise<Uint8Array> {
  const root = path.join(folder, 'tree')
  await writeRoot(root, { version: 'v2' })
  await run('tar', '-cf', `${root}.tar`, '-C', root, '.')
  return new Uint8Array(await fs.readFile(`${root}.tar`))
}

function prepare(): Promise<void> {
  return node.engine.prepare(requestFor(image, 'v2'), () => {}, new AbortController().signal)
}

/** A ctr that unmounts what it is told to, as the real one would. */
const withCtr: Exec = {
  run: async (request) => {
    if (request.argv[0] !== 'ctr') return systemExec.run(request)
    const place = request.argv.at(-1) ?? ''
    if (request.argv.includes('unmount')) await run('umount', place)
    return { exitCode: 0, stdout: '', stderr: '' }
  },
}

async function expectOutsideUntouched(): Promise<void> {
  const names = (await fs.readdir(outside, { recursive: true })).sort()
  expect(names).toEqual([
    'kubeos-update',
    'kubeos-update/precious',
    'os.tar',
    'slot',
    'slot/precious',
  ])
  expect(await fs.readFile(path.join(outside, 'os.tar'), 'utf8')).toBe('precious')
}

async function expectVerified(): Promise<void> {
  expect((await node.engine.describe()).slots[1]?.state).toBe('verified')
  expect(await fs.readdir(persist)).toEqual(['kubenest'])
}

const inWork = (name: string) => path.join(work, name)

describe('S-14: before the agent comes', () => {
  const planted: [string, () => Promise<void>][] = [
    ['the work folder is a link to a folder', () => fs.symlink(outside, work)],
    ['the work folder is a link to nowhere', () => fs.symlink('/nowhere', work)],
    ['the work folder is a file', () => fs.writeFile(work, 'x')],
    ['the work folder is a pipe', () => run('mkfifo', work)],
    ['os.tar is a link', () => fs.symlink(path.join(outside, 'os.tar'), inWork('os.tar'))],
    ['os.tar is a hard link', () => fs.link(path.join(outside, 'os.tar'), inWork('os.tar'))],
    ['os.tar is a pipe', () => run('mkfifo', inWork('os.tar'))],
    [
      'os.tar is a folder',
      async () => void (await fs.mkdir(inWork('os.tar/x'), { recursive: true })),
    ],
    ['the mount point is a link', () => fs.symlink(path.join(outside, 'slot'), inWork('slot'))],
    ['the mount point is a file', () => fs.writeFile(inWork('slot'), 'x')],
  ]
  for (const [what, plant] of planted)
    test(`${what}: it is not followed, and the image is unpacked`, async () => {
      if (!what.startsWith('the work folder')) await fs.mkdir(work, { mode: 0o700 })
      await plant()
      await prepare()
      await expectOutsideUntouched()
      await expectVerified()
    })

  for (const name of ['slot', 'kubeos-update'])
    test(`${name} is a link to a mounted folder: that stays mounted`, async () => {
      await fs.mkdir(work, { mode: 0o700 })
      const mounted = path.join(folder, 'mounted')
      await fs.mkdir(mounted)
      await run('mount', '--bind', outside, mounted)
      try {
        await fs.symlink(mounted, inWork(name))
        await createImageSource({ ...node.deps, exec: withCtr }).discard?.()
        await prepare()
        expect(await fs.readFile('/proc/mounts', 'utf8')).toContain(mounted)
      } finally {
        await run('umount', mounted)
      }
      await expectOutsideUntouched()
    })

  const foreign: [string, () => Promise<void>][] = [
    ['belongs to somebody else', () => fs.chown(work, NOBODY, NOBODY)],
    ['is open to all', () => fs.chmod(work, 0o777)],
  ]
  for (const [what, change] of foreign)
    test(`the work folder ${what}: it is refused`, async () => {
      await fs.mkdir(work, { mode: 0o700 })
      await fs.writeFile(inWork('theirs'), 'x')
      await change()
      expect(await refusalOf(prepare())).toMatchObject({ code: 'work-folder-foreign' })
      await expectOutsideUntouched()
    })
})

describe('S-14: while the agent unpacks, somebody tries to', () => {
  const tries = [
    'move the work folder away',
    'put a link in place of the work folder',
    'read the image',
    'write into the image',
    'replace the image',
    'look into the work folder',
    'write into the slot',
    'put a link into the slot',
    'open the work folder to all',
  ]
  for (const what of tries)
    test(what, async () => {
      const script = path.join(import.meta.dir, 'swap-for-ever.ts')
      const who = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
      const child = Bun.spawn([...who, process.execPath, script, what, persist], { stdout: 'pipe' })
      const reader = child.stdout.getReader()
      let output = ''
      const read = async () => {
        const { value, done } = await reader.read()
        output += new TextDecoder().decode(value)
        return !done
      }
      try {
        expect(await read()).toBe(true)
        expect(output).toContain('ready')
        await prepare()
      } finally {
        child.kill('SIGKILL')
        while (await read()) continue
      }
      expect(output).toBe('ready\n')
      await expectVerified()
    })
})
