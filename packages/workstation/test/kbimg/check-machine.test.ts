// What is looked at before anything is made: files that are named, programs, ids, free space (rules
// V10 and V11). Programs are the machine's; what df and unshare say is ours.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import os from 'node:os'
import type { Exec, ExecResult } from '@kubenest/base/exec'
import type { Build } from '../../src/kbimg/build.ts'
import { checkMachine } from '../../src/kbimg/steps/check-machine.ts'
import { createTinyBuild } from './tiny-build.ts'

const GIB = 1024 ** 3
let folder = ''
let build: Build

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'check-machine-'))
  build = await createTinyBuild(folder, new Map())
  await fs.writeFile(path.join(folder, 'r'), 'deb http://a/ bookworm main\n')
  await fs.writeFile(path.join(folder, 'a'), 'agent')
})
afterEach(() => fs.rm(folder, { recursive: true }))

/** A machine with this much room, where namespaces can be used or not. */
function machine(freeBytes: number, namespaces = true): Exec {
  const answer = (stdout: string): ExecResult => ({ exitCode: 0, stdout, stderr: '' })
  return {
    run: async ({ argv }) => {
      if (argv[0] === 'df') return answer(`Avail\n${freeBytes}\n`)
      if (namespaces) return answer('')
      return { exitCode: 1, stdout: '', stderr: 'unshare: no line matching user "ada"' }
    },
  }
}

test.each([
  ['vm-img', 20, 25],
  ['vm-img', 4, 9],
  ['upgrade-img', 20, 6],
] as const)(
  'checkMachine() wants room: %s with img_size %d needs %d GiB',
  async (imageType, imageGib, neededGib) => {
    const config = { ...build.config, disk: { rootMib: 64, imageGib } }
    const look = (freeBytes: number) =>
      checkMachine({ ...build, imageType, config, exec: machine(freeBytes) })
    await look(neededGib * GIB)
    await expect(look(neededGib * GIB - 1)).rejects.toMatchObject({
      code: 'disk-full',
      kind: 'host',
      message: `Cannot build in ${folder}: ${neededGib - 1} GiB are free and ${neededGib} GiB are needed; free some space or build elsewhere`,
    })
  },
)

test('checkMachine() tells a user without ids what to do', async () => {
  await expect(checkMachine({ ...build, exec: machine(99 * GIB, false) })).rejects.toMatchObject({
    code: 'no-namespace',
    message: expect.stringMatching(/no line matching user "ada".*--add-subuids/),
  })
})

/** How a file of the configuration is spoilt. */
const SPOIL: Readonly<Record<string, (file: string) => Promise<unknown>>> = {
  'is missing': (file) => fs.rm(file),
  'is a folder': async (file) => {
    await fs.rm(file)
    await fs.mkdir(file)
  },
  'is a link to nothing': async (file) => {
    await fs.rm(file)
    await fs.symlink('nowhere', file)
  },
}

for (const [how, spoil] of Object.entries(SPOIL))
  test(`checkMachine() names the key whose file ${how}`, async () => {
    const named = {
      'from_repo.repo_path': 'r',
      'from_repo.agent_path': 'a',
      'chroot_script.path': 's',
    }
    const chrootScript = { path: 's', removeAfterwards: true }
    for (const [key, file] of Object.entries(named)) {
      for (const name of ['r', 'a', 's']) {
        await fs.rm(path.join(folder, name), { recursive: true, force: true })
        await fs.writeFile(path.join(folder, name), 'deb http://a/ bookworm main\n')
      }
      const config = { ...build.config, chrootScript }
      await checkMachine({ ...build, config, exec: machine(99 * GIB) })
      await spoil(path.join(folder, file))
      await expect(
        checkMachine({ ...build, config, exec: machine(99 * GIB) }),
      ).rejects.toMatchObject({ code: 'config-file', kind: 'invalid', fields: { key } })
    }
  })

test('checkMachine() takes a link to a file, and says that rpm is not built yet', async () => {
  await fs.rename(path.join(folder, 'a'), path.join(folder, 'real'))
  await fs.symlink('real', path.join(folder, 'a'))
  await checkMachine({ ...build, exec: machine(99 * GIB) })
  await fs.writeFile(path.join(folder, 'r'), '[everything]\nbaseurl=http://a/\n')
  await expect(checkMachine({ ...build, exec: machine(99 * GIB) })).rejects.toMatchObject({
    code: 'not-built-yet',
  })
})
