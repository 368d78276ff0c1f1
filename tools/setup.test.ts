import { afterAll, beforeAll, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { REPOSITORY } from './repository.ts'

let root = ''
let bin = ''
let log = ''

beforeAll(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'kubenest-setup-'))
  bin = path.join(root, 'bin')
  log = path.join(root, 'calls')
  await fs.mkdir(path.join(root, 'tools'))
  await fs.copyFile(path.join(REPOSITORY, 'tools/setup.sh'), path.join(root, 'tools/setup.sh'))
  await fs.writeFile(path.join(root, 'package-lock.json'), '{}')
  await fs.writeFile(path.join(root, 'debian'), 'NAME=x\nID=linuxmint\nID_LIKE="ubuntu debian"\n')
  await fs.writeFile(path.join(root, 'fedora'), 'ID=fedora\n')
  await fs.mkdir(bin)
  // Stand-ins that record their calls; dpkg-query knows of "git" only.
  const record = `echo "$(basename "$0") $*" >> ${log}`
  await script('dpkg-query', '[ "$4" = git ] && printf installed || exit 1')
  await script('apt-get', record)
  await script('npm', `${record}; mkdir -p node_modules`)
  await script('id', 'echo 0')
  await script('uname', 'echo ${TEST_MACHINE:-x86_64}')
})

afterAll(() => fs.rm(root, { recursive: true, force: true }))

test('setup.sh installs what is missing, says why, and does nothing the second time', async () => {
  const first = setup(['base', 'kube'])
  expect(first).toMatchObject({ exitCode: 0 })
  expect(first.stdout).toContain(
    'Debian packages: make ca-certificates etcd-server openssl unzip\n',
  )
  expect(first.stdout).toContain('kube: a real control plane')
  const calls = (await fs.readFile(log, 'utf8')).trim().split('\n')
  expect(calls[1]).toEndWith(
    'install -y -q --no-install-recommends make ca-certificates etcd-server openssl unzip',
  )
  expect(calls[2]).toStartWith('npm install --no-save --ignore-scripts')
  await script('dpkg-query', 'printf installed')
  await fs.rm(log)
  expect(setup(['base', 'kube'])).toMatchObject({ exitCode: 0, stdout: '' })
  expect(await Bun.file(log).exists()).toBe(false)
})

test('setup.sh installs npm packages again when the lock file changed', async () => {
  await script('dpkg-query', 'printf installed')
  await fs.writeFile(path.join(root, 'package-lock.json'), '{"changed":1}')
  expect(setup(['base']).stdout).toContain('npm packages')
  expect(setup(['base']).stdout).toBe('')
})

test('setup.sh brings engines that the machine lacks, with the command where it is apart', async () => {
  await script('dpkg-query', 'exit 1')
  for (const [isApart, end] of [
    ['true', 'docker-registry containerd docker.io docker-cli'],
    ['false', 'docker-registry containerd docker.io'],
  ] as const) {
    await script('apt-cache', isApart)
    await fs.rm(log, { force: true })
    expect(setup(['engines'], { KUBENEST_SYSTEM_ROOT: root })).toMatchObject({ exitCode: 0 })
    const calls = (await fs.readFile(log, 'utf8')).trim().split('\n')
    expect(calls[1]).toEndWith(`--no-install-recommends ${end}`)
  }
  await script('dpkg-query', 'printf installed')
})

test('setup.sh refuses another system or machine and names the packages it needs', () => {
  for (const env of [
    { KUBENEST_OS_RELEASE: path.join(root, 'fedora') },
    { TEST_MACHINE: 'riscv64' },
  ]) {
    const { exitCode, stderr } = setup(['base', 'vm'], env)
    expect(exitCode).toBe(69)
    expect(stderr).toContain('make git ca-certificates qemu-system-x86 qemu-utils')
  }
})

test('setup.sh refuses a group it does not know', () => {
  expect(setup(['moon'])).toMatchObject({ exitCode: 64 })
})

async function script(name: string, body: string): Promise<void> {
  await fs.writeFile(path.join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
}

function setup(groups: string[], extra: Record<string, string> = {}) {
  const env = {
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: root,
    KUBENEST_OS_RELEASE: path.join(root, 'debian'),
    ...extra,
  }
  const result = Bun.spawnSync(['sh', path.join(root, 'tools/setup.sh'), ...groups], { env })
  const { exitCode, stdout, stderr } = result
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}
