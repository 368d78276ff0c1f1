// Black box: what the kbimg program refuses, with which exit code, and that nothing was changed
// (contract 6.1, issue section 11).
import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

const MAIN = path.resolve(import.meta.dir, '../../src/main.ts')
const TOML = `[from_repo]
version = "v1"
repo_path = "./debian.sources"
agent_path = "./os-agent"
root_passwd = "hunter2"
rpmlist = []
legacy_bios = false
upgrade_img = "a:v1"
`

let folder = ''
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'kbimg-refusals-'))
  await fs.writeFile(path.join(folder, 'debian.sources'), 'deb http://a/ bookworm main\n')
  await fs.writeFile(path.join(folder, 'os-agent'), 'agent')
  await fs.mkdir(path.join(folder, 'scripts-auto'))
  await fs.writeFile(path.join(folder, 'scripts-auto/previous'), 'result')
})
afterEach(() => fs.rm(folder, { recursive: true }))

async function kbimg(toml: string | Uint8Array, argv: readonly string[], env = {}) {
  await fs.writeFile(path.join(folder, 'a.toml'), toml)
  const child = Bun.spawn(['bun', MAIN, 'kbimg', ...argv], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  const left = (await fs.readdir(folder, { recursive: true })).sort()
  return { exitCode: await child.exited, stdout, stderr, left }
}

const CREATE = ['create', '-f', 'a.toml', 'vm-img']
const USER = '[[users]]\npasswd = "hunter3"\nname = '
/** What is wrong, the configuration, arguments, exit code, and what must be said. */
const REFUSED: readonly (readonly [string, string | Uint8Array, string[], number, RegExp])[] = [
  ['a syntax error', '[from_repo', CREATE, 1, /line 1.*correct the TOML syntax/],
  ['bytes that are no text', new Uint8Array([0xff, 0xfe, 0, 1]), CREATE, 1, /Cannot/],
  ['a missing file', TOML, ['create', '-f', 'b.toml', 'vm-img'], 1, /b\.toml: no such file/],
  ['a misspelt key', `${TOML}agent_pth = "x"\n`, [...CREATE, '--strict'], 1, /agent_path\?/],
  ['a wrong type', TOML.replace('false', '"no"'), CREATE, 1, /legacy_bios = .*true or false/],
  ['a user with a colon', `${TOML}${USER}"a:b"\n`, CREATE, 1, /users\[0\]\.name = .*a:b.*no colon/],
  ['a user with a newline', `${TOML}${USER}"a\\nb"\n`, CREATE, 1, /users\[0\]\.name/],
  ['a path with ..', `${TOML}[persist_mkdir]\nname = ["../x"]\n`, CREATE, 1, /persist_mkdir\.name/],
  [
    'a missing agent',
    TOML.replace('./os-agent', 'gone'),
    ['-d', ...CREATE],
    1,
    /agent_path = .*gone/,
  ],
  ['a type of later', TOML, ['create', '-f', 'a.toml', 'pxe-img'], 1, /pxe-img yet/],
  ['an unknown type', TOML, ['create', '-f', 'a.toml', 'iso'], 2, /use one of vm-img/],
  ['a missing -f', TOML, ['create', 'vm-img'], 2, /--file/],
]

test.each(REFUSED)(
  'kbimg refuses %s and changes nothing',
  async (_, toml, argv, exitCode, says) => {
    const result = await kbimg(toml, argv)
    expect([result.exitCode, `${result.stdout}${result.stderr}`]).toEqual([
      exitCode,
      expect.stringMatching(says),
    ])
    expect(result.left).toEqual([
      'a.toml',
      'debian.sources',
      'os-agent',
      'scripts-auto',
      'scripts-auto/previous',
    ])
    expect(`${result.stdout}${result.stderr}`).not.toMatch(/hunter/)
  },
  30_000,
)

test('kbimg warns of a misspelt key, names the nearest one, and goes on', async () => {
  const argv = ['create', '--debug', '-f', 'a.toml', 'vm-img']
  const { exitCode, stdout, left } = await kbimg(`${TOML}agent_pth = "x"\n`, argv)
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/level=warn.*unknown key.*from_repo\.agent_pth.*agent_path/)
  expect(left).toContain('scripts-auto/kbimg.sh')
  expect(left).not.toContain('scripts-auto/previous')
}, 30_000)

test('kbimg refuses a SOURCE_DATE_EPOCH that is no time', async () => {
  const { exitCode, stdout } = await kbimg(TOML, CREATE, { SOURCE_DATE_EPOCH: 'yesterday' })
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/SOURCE_DATE_EPOCH = .*yesterday/)
}, 30_000)

test('kbimg leaves a result alone whose documented lock says that another run is in progress', async () => {
  await fs.writeFile(path.join(folder, 'scripts-auto/test.lock'), '')
  const { exitCode, stdout, left } = await kbimg(TOML, ['-d', ...CREATE])
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/test\.lock.*delete that file/)
  expect(left).toContain('scripts-auto/previous')
}, 30_000)
