// The log of a failed build may be sent to others: secrets stay out, which program failed stays in.
import { expect, test } from 'bun:test'
import type { Exec, ExecRequest } from '@kubenest/base/exec'
import { type Build, run } from './build.ts'
import { deriveBuildIds } from './build-ids.ts'
import { addUsers, setGrubPassword, setRootPassword } from './steps/accounts.ts'
import { createRootTools, leashExec } from './namespaces.ts'
import { parseConfig } from './parse-config.ts'

const TOML = `[from_repo]
version = "v1"
repo_path = "r"
agent_path = "a"
root_passwd = "$6$roothash"
rpmlist = []
legacy_bios = false
[[users]]
name = "ada"
passwd = "clear hunter2"
[grub]
passwd = "clear hunter3"
`

async function scene(answer: (request: ExecRequest) => string, exitCode = 0) {
  const log: string[] = []
  const requests: ExecRequest[] = []
  const exec: Exec = {
    run: async (request) => {
      requests.push(request)
      const stdout = answer(request)
      for (const line of stdout.split('\n')) request.onLine?.(line)
      return { exitCode, stdout, stderr: '' }
    },
  }
  const parsed = parseConfig(TOML, { imageType: 'vm-img', architecture: 'x86_64', strict: true })
  const build: Build = {
    imageType: 'vm-img',
    config: parsed.config,
    cwd: '/c',
    work: '/c/w',
    root: '/c/w/rootfs',
    builtAtSeconds: 7,
    tools: createRootTools(false),
    exec: leashExec(exec),
    stop: new AbortController().signal,
    note: (line) => log.push(line),
    ids: await deriveBuildIds(parsed.config, 7),
    packages: [],
    artefacts: [],
  }
  return { build, log, requests }
}

test('account steps give secrets by standard input only and log neither them nor hashes', async () => {
  const { build, log, requests } = await scene((request) =>
    request.argv.includes('openssl') ? '$6$adahash' : 'grub.pbkdf2.sha512.10000.boothash',
  )
  await setRootPassword(build)
  await addUsers(build)
  await setGrubPassword(build)
  const visible = log.join('\n') + requests.map((request) => request.argv.join(' ')).join('\n')
  expect(visible).not.toMatch(/hunter|roothash|adahash/)
  const inputs = requests.map((request) => request.stdin).filter((input) => input !== undefined)
  expect(inputs).toEqual([
    'root:$6$roothash\n',
    'clear hunter2\n',
    'ada:$6$adahash\n',
    'clear hunter3\nclear hunter3\n',
    'GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.boothash\n',
  ])
})

test('run() names the purpose and the last output of what failed', async () => {
  const { build, log } = await scene(() => 'disk on fire', 3)
  await expect(run(build, 'add the user ada', ['useradd', 'ada'])).rejects.toMatchObject({
    kind: 'host',
    code: 'command-failed',
    message: 'Cannot add the user ada: exit code 3: disk on fire',
  })
  expect(log).toEqual(['+ useradd ada', 'disk on fire'])
})

test('createRootTools() sets the death signal behind the user namespace, which would forget it', () => {
  const argv = createRootTools(false).isolated(['mmdebstrap'])
  expect(argv.indexOf('--user')).toBeLessThan(argv.indexOf('setpriv'))
  expect(argv.indexOf('setpriv')).toBeLessThan(argv.indexOf('--mount'))
  expect(createRootTools(true).isolated(['mmdebstrap'])).not.toContain('--user')
})
