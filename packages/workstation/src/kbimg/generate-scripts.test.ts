// Contract 6.3: files, names and modes of `--debug`; and threat T14: bash runs what was recorded,
// word by word, whatever a user wrote.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemExec } from '@kubenest/base/system-exec'
import type { BuiltImageType } from './config.ts'
import { generateScripts } from './generate-scripts.ts'
import { parseConfig } from './parse-config.ts'
import { recordBuild } from './record-build.ts'

const HOSTILE = `it's $HOME; \`id\` "$(touch pwned)" 'x`
const TOML = `[from_repo]
version = "v1"
repo_path = "./debian.sources"
agent_path = "./os-agent"
root_passwd = "$6$roothash"
rpmlist = ["containerd"]
legacy_bios = false
upgrade_img = "kubeos-upgrade:v1"
[[users]]
name = "ada"
passwd = '''hunter2 ${HOSTILE}'''
[[copy_files]]
src = '''./${HOSTILE}'''
dst = '''/etc/${HOSTILE}'''
create_dir = '''/etc/${HOSTILE}'''
[grub]
passwd = "hunter3"
[chroot_script]
path = "script.sh"
rm = true
[persist_mkdir]
name = ['''${HOSTILE}''']
`

let folder = ''

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'kbimg-scripts-'))
  await fs.writeFile(path.join(folder, 'debian.sources'), 'deb http://a/ bookworm main\n')
  await fs.writeFile(path.join(folder, 'os-agent'), 'agent')
  await fs.writeFile(path.join(folder, 'script.sh'), 'true\n')
})
afterEach(() => fs.rm(folder, { recursive: true, force: true }))

function configOf(imageType: BuiltImageType, toml = TOML) {
  return parseConfig(toml, { imageType, architecture: 'x86_64', strict: true }).config
}

async function generate(imageType: BuiltImageType, configFile = 'a.toml', toml = TOML) {
  const config = configOf(imageType, toml)
  const options = { epochSeconds: 7, runsAsRoot: true, exec: systemExec }
  await generateScripts({ imageType, config, cwd: folder, configFile, ...options })
}

async function modes(): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const base = path.join(folder, 'scripts-auto')
  for (const name of ['.', ...(await fs.readdir(base, { recursive: true }))])
    found[name] = ((await fs.stat(path.join(base, name))).mode & 0o777).toString(8)
  return found
}

const COMMON = {
  '.': '750',
  'misc-files': '750',
  'kbimg.sh': '550',
  'set_in_chroot.sh': '550',
  'grub.cfg': '640',
  rpmlist: '640',
}
const MISC = ['boot-efi.mount', 'etc.mount', 'opt-cni.mount', 'persist.mount', 'var.mount']
const UNITS = [...MISC, 'os-agent.service', 'os-release'].map((name) => `misc-files/${name}`)

test.each([
  ['vm-img', { 'bootloader.sh': '550' }],
  ['upgrade-img', { Dockerfile: '640' }],
] as const)('generateScripts() leaves the documented files of %s', async (imageType, own) => {
  await generate(imageType)
  const found = await modes()
  for (const name of UNITS) expect([name, found[name]]).toEqual([name, '640'])
  const others = Object.entries(found).filter(([name]) => !name.startsWith('misc-files/'))
  expect(Object.fromEntries(others)).toEqual({ ...COMMON, ...own })
  const entries = ['a.toml', 'debian.sources', 'os-agent', 'script.sh', 'scripts-auto']
  expect((await fs.readdir(folder)).sort()).toEqual(entries.slice(1))
})

test('generateScripts() writes no secret into any file', async () => {
  await generate('vm-img')
  const base = path.join(folder, 'scripts-auto')
  for (const name of Object.keys(await modes()))
    if (!(await fs.stat(path.join(base, name))).isDirectory())
      expect(await fs.readFile(path.join(base, name), 'utf8')).not.toMatch(/hunter|roothash/)
})

test('generateScripts() keeps the previous result when the configuration names a missing file', async () => {
  await generate('vm-img')
  const before = await modes()
  await expect(
    generate('upgrade-img', 'a.toml', TOML.replace('./os-agent', './gone')),
  ).rejects.toMatchObject({ code: 'config-file' })
  expect(await modes()).toEqual(before)
})

/** Runs a script; programs are replaced by one that notes its arguments. */
async function runNoting(
  script: string,
  programs: readonly string[],
  env = {},
): Promise<string[][]> {
  const stubs = path.join(folder, 'stubs')
  const log = path.join(folder, 'log')
  await fs.mkdir(stubs, { recursive: true })
  for (const name of programs)
    await fs.writeFile(
      path.join(stubs, name),
      `#!/bin/bash\nprintf '%s\\0' ${name} "$@" $'\\n' >> '${log}'\n`,
      { mode: 0o755 },
    )
  const PATH = `${stubs}:/usr/bin:/bin`
  const argv = ['/bin/bash', path.join(folder, 'scripts-auto', script)]
  const child = Bun.spawn(argv, { cwd: folder, env: { PATH, ...env }, stderr: 'pipe' })
  const stderr = await new Response(child.stderr).text()
  expect([await child.exited, stderr]).toEqual([0, ''])
  const noted = (await fs.readFile(log, 'utf8')).split('\0\n\0').filter((record) => record !== '')
  return noted.map((record) => record.split('\0'))
}

test('set_in_chroot.sh runs word by word what the build runs inside the root', async () => {
  await generate('vm-img')
  const work = path.join(folder, 'recorded')
  const request = { imageType: 'vm-img', config: configOf('vm-img'), cwd: folder } as const
  const { steps } = await recordBuild({ ...request, work, epochSeconds: 7 })
  const inside = steps
    .flatMap(({ commands }) => commands)
    .filter(({ place }) => place === 'inside')
    .map(({ argv }) => [...argv])
  expect(JSON.stringify(inside)).toContain('touch pwned')
  const programs = [...new Set(inside.map(([program = '']) => program))]
  expect(await runNoting('set_in_chroot.sh', programs, { SECRET: '/dev/null' })).toEqual(inside)
  expect(await fs.readdir(folder)).not.toContain('pwned')
})

test('kbimg.sh calls kbimg with the configuration, from the folder of scripts-auto', async () => {
  const name = `${HOSTILE}\n#.toml`
  await generate('upgrade-img', name)
  const [call] = await runNoting('kbimg.sh', ['kbimg'])
  expect(call).toEqual(['kbimg', 'create', '-f', name, 'upgrade-img'])
  expect(await fs.readdir(folder)).not.toContain('pwned')
})
