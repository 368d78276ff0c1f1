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
    record: () => {},
    ids: await deriveBuildIds(parsed.config, 7),
    packages: [],
    artefacts: [],
  }
  return { build, log, requests }
}

test('account steps give secrets by standard input only and log neither them nor hashes', async () => {
  const { build, log, requests } = await scene(({ argv }) =>
    argv.includes('openssl') ? '$6$adahash' : '',
  )
  await setRootPassword(build)
  await addUsers(build)
  await setGrubPassword(build)
  const visible = log.join('\n') + requests.map((request) => request.argv.join(' ')).join('\n')
  expect(visible).not.toMatch(/hunter|roothash|adahash/)
  const inputs = requests.map((request) => request.stdin).filter((input) => input !== undefined)
  const bootMenu = String(inputs.pop())
  expect(inputs).toEqual(['root:$6$roothash\n', 'clear hunter2\n', 'ada:$6$adahash\n'])
  expect(bootMenu).toMatch(
    /^GRUB2_PASSWORD=grub\.pbkdf2\.sha512\.10000\.[0-9A-F]{128}\.[0-9A-F]{128}\n$/,
  )
  expect(log.join('\n')).not.toContain(bootMenu.trim())
})

test('account steps use the same salts in a repeated build and others for other accounts', async () => {
  const salts = async (seconds: number) => {
    const { build, requests } = await scene(() => '$6$adahash')
    const ids = await deriveBuildIds(build.config, seconds)
    const [ada] = build.config.users
    const users = ada === undefined ? [] : [ada, { ...ada, name: 'bob' }]
    await addUsers({ ...build, ids, config: { ...build.config, users } })
    return requests
      .flatMap(({ argv }) => argv[argv.indexOf('-salt') + 1] ?? [])
      .filter((word) => /^[0-9a-f]{16}$/.test(word))
  }
  const first = await salts(7)
  expect(new Set(first).size).toBe(2)
  expect(await salts(7)).toEqual(first)
  expect(await salts(8)).not.toContain(first[0])
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
