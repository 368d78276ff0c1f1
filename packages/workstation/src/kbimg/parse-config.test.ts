// The documented TOML and what is refused, with key and remedy (contract 6.5, 6.6; issue section
// 11).
import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { isOsError, type OsError } from '@kubenest/base/errors'
import type { ImageType } from './config.ts'
import { parseConfig } from './parse-config.ts'

const REPO = `[from_repo]
version = "v1"
repo_path = "./debian.sources"
agent_path = "./os-agent"
root_passwd = "$6$salt$hash"
rpmlist = ["containerd"]
legacy_bios = false
`

function parse(
  text: string,
  imageType: ImageType = 'vm-img',
  strict = false,
  architecture = 'x86_64',
) {
  return parseConfig(text, { imageType, architecture, strict })
}

function refusal(...parameters: Parameters<typeof parse>): OsError {
  try {
    parse(...parameters)
  } catch (error) {
    if (isOsError(error)) return error
    throw error
  }
  throw new Error('was accepted')
}

test('parseConfig() reads every documented section', () => {
  const { config, unknownKeys } = parse(`${REPO}upgrade_img = "kubeos-upgrade:v1"
[[users]]
name = "ada"
passwd = "plain: text"
primary_groups = "wheel"
groups = ["sudo", "adm"]
[[copy_files]]
src = "./a"
dst = "/etc"
create_dir = "/etc/a"
[grub]
passwd = "boot"
[systemd_service]
name = ["containerd"]
[chroot_script]
path = "./script.sh"
rm = true
[disk_partition]
root = 960
img_size = 4
[persist_mkdir]
name = ["data"]
`)
  expect(unknownKeys).toEqual([])
  expect(config.users[0]?.password.reveal()).toBe('plain: text')
  expect(JSON.parse(JSON.stringify(config))).toMatchObject({
    repo: { version: 'v1', upgradeImage: 'kubeos-upgrade:v1', packages: ['containerd'] },
    users: [{ name: 'ada', primaryGroup: 'wheel', groups: ['sudo', 'adm'] }],
    copies: [{ source: './a', destination: '/etc', createDirectory: '/etc/a' }],
    services: ['containerd'],
    chrootScript: { path: './script.sh', removeAfterwards: true },
    disk: { rootMib: 960, imageGib: 4 },
    persistFolders: ['data'],
  })
})

test('parseConfig() takes the documented sizes when disk_partition is absent', () => {
  expect(parse(REPO).config.disk).toEqual({ rootMib: 2560, imageGib: 20 })
})

test('parseConfig() lets no password into JSON', () => {
  const { config } = parse(
    `${REPO}[[users]]\nname = "ada"\npasswd = "hunter2"\n[grub]\npasswd = "hunter3"\n`,
  )
  expect(JSON.stringify(config)).not.toMatch(/hunter|hash/)
})

const REFUSED: readonly (readonly [string, string, string, RegExp])[] = [
  ['broken syntax', '[from_repo\n', 'config-syntax', /line 1/],
  ['a missing section', '', 'config-missing-section', /from_repo/],
  ['a missing key', REPO.replace(/version.*\n/, ''), 'config-missing-key', /from_repo\.version/],
  [
    'a wrong type',
    REPO.replace('"v1"', '1'),
    'config-wrong-type',
    /from_repo\.version = 1.*string/,
  ],
  ['an empty value', REPO.replace('"v1"', '"  "'), 'config-empty-value', /from_repo\.version/],
  ['a list with a number', REPO.replace('"containerd"', '1'), 'config-wrong-type', /rpmlist/],
  [
    'a negative size',
    `${REPO}[disk_partition]\nroot = -1\n`,
    'config-wrong-type',
    /disk_partition\.root = -1/,
  ],
  ['a fraction', `${REPO}[disk_partition]\nroot = 1.5\n`, 'config-wrong-type', /whole number/],
  ['an empty list', `${REPO}[systemd_service]\nname = []\n`, 'config-wrong-type', /at least one/],
  [
    'a plain section for a list',
    `${REPO}[users]\nname = "a"\npasswd = "b"\n`,
    'config-wrong-type',
    /\[\[users\]\]/,
  ],
  [
    'a separator in a path',
    REPO.replace('./os-agent', './os-agent;id'),
    'config-forbidden-character',
    /agent_path/,
  ],
  [
    'a newline in a version',
    REPO.replace('"v1"', '"v1\\nID=x"'),
    'config-version',
    /from_repo\.version/,
  ],
  [
    'an option as a package',
    REPO.replace('"containerd"', '"--force"'),
    'config-package-name',
    /--force/,
  ],
  [
    'a colon in a user name',
    `${REPO}[[users]]\nname = "a:b"\npasswd = "c"\n`,
    'config-name',
    /users\[0\]\.name = "a:b"/,
  ],
  [
    'a newline in a user name',
    `${REPO}[[users]]\nname = "a\\nb"\npasswd = "c"\n`,
    'config-name',
    /users\[0\]\.name/,
  ],
  [
    'a newline in a group',
    `${REPO}[[users]]\nname = "a"\npasswd = "c"\ngroups = ["x\\n"]\n`,
    'config-name',
    /groups/,
  ],
  [
    '".." inside the root',
    `${REPO}[[copy_files]]\nsrc = "a"\ndst = "/etc/../../x"\n`,
    'config-path-leaves-root',
    /copy_files\[0\]\.dst/,
  ],
  [
    '".." in create_dir',
    `${REPO}[[copy_files]]\nsrc = "a"\ndst = "/etc"\ncreate_dir = ".."\n`,
    'config-path-leaves-root',
    /create_dir/,
  ],
  [
    '".." on PERSIST',
    `${REPO}[persist_mkdir]\nname = ["../x"]\n`,
    'config-path-leaves-root',
    /persist_mkdir/,
  ],
  [
    'an option as a service',
    `${REPO}[systemd_service]\nname = ["--root=/"]\n`,
    'config-service-name',
    /systemd_service/,
  ],
  [
    'partitions that do not fit',
    `${REPO}[disk_partition]\nroot = 970\nimg_size = 4\n`,
    'config-partitions-do-not-fit',
    /raise img_size/,
  ],
  [
    'both sources',
    `${REPO}[from_dockerimg]\nupgrade_img = "a"\nlegacy_bios = false\n`,
    'config-both-sources',
    /keep one/,
  ],
  [
    'verity without grub',
    `${REPO}[dm_verity]\nefi_key = "a"\ngrub_key = "b"\n`,
    'config-missing-section',
    /\[grub\]/,
  ],
  [
    'verity',
    `${REPO}[grub]\npasswd = "p"\n[dm_verity]\nefi_key = "a"\ngrub_key = "b"\n`,
    'not-built-yet',
    /dm_verity/,
  ],
  ['legacy boot', REPO.replace('= false', '= true'), 'not-built-yet', /legacy_bios/],
  [
    'a section of another type that is wrong',
    `${REPO}[pxe_config]\ndhcp = "yes"\n`,
    'config-missing-key',
    /pxe_config/,
  ],
]

for (const [what, text, code, message] of REFUSED)
  test(`parseConfig() refuses ${what}`, () => {
    const error = refusal(text)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(error.kind).toBe('invalid')
  })

test('parseConfig() refuses a password with a newline and does not show it', () => {
  const error = refusal(`${REPO}[[users]]\nname = "ada"\npasswd = "hunter2\\nroot::"\n`)
  expect(error.message).toMatch(/users\[0\]\.passwd/)
  expect(error.message).not.toContain('hunter2')
})

test('parseConfig() does not show a password of the wrong type', () => {
  for (const text of [
    '[grub]\npasswd = ["hunter2"]',
    '[[users]]\nname = "a"\npasswd = ["hunter2"]',
  ])
    expect(refusal(`${REPO}${text}\n`)).toMatchObject({
      code: 'config-wrong-type',
      message: expect.not.stringContaining('hunter2'),
    })
})

test('parseConfig() does not quote the line of a syntax error, which may hold a password', () => {
  expect(refusal(`${REPO}[grub]\npasswd = "hunter2\n`).message).not.toContain('hunter2')
})

test('parseConfig() wants a name for an upgrade image', () => {
  expect(refusal(REPO, 'upgrade-img').message).toMatch(/from_repo\.upgrade_img/)
})

test('parseConfig() refuses legacy boot where there is none (V4), and with verity (V5)', () => {
  const legacy = REPO.replace('= false', '= true')
  expect(refusal(legacy, 'vm-img', false, 'aarch64')).toMatchObject({
    code: 'config-legacy-bios',
    message: 'Cannot use from_repo.legacy_bios = true: aarch64 has no legacy BIOS; set it to false',
  })
  const verity = `${legacy}[grub]\npasswd = "p"\n[dm_verity]\nefi_key = "a"\ngrub_key = "b"\n`
  expect(refusal(verity)).toMatchObject({
    code: 'config-legacy-bios',
    message: 'Cannot use from_repo.legacy_bios = true: dm_verity needs UEFI; set it to false',
  })
})

test('parseConfig() refuses each forbidden character in each documented key (V9)', () => {
  const upgrade = `${REPO}upgrade_img = "a:v1"\n`
  const keys = ['version', 'repo_path', 'agent_path', 'upgrade_img']
  for (const key of keys)
    for (const character of '|;&><,#!$') {
      const text = upgrade.replace(new RegExp(`${key} = "`), `${key} = "x${character}`)
      const error = refusal(text, 'upgrade-img')
      expect([error.code, error.fields['key']]).toEqual([
        'config-forbidden-character',
        `from_repo.${key}`,
      ])
    }
})

test('parseConfig() wants from_repo for an upgrade image, whatever else is there (V2)', () => {
  const docker = '[from_dockerimg]\nupgrade_img = "a"\nlegacy_bios = false\n'
  expect(refusal(docker, 'upgrade-img').code).toBe('config-missing-section')
  expect(refusal(docker, 'vm-img').code).toBe('not-built-yet')
  expect(parse(`${REPO}upgrade_img = "a:v1"\n${docker}`, 'upgrade-img').unknownKeys).toEqual([])
})

test('parseConfig() refuses disks that no image fits into', () => {
  const disk = (root: number, size: number) =>
    `${REPO}[disk_partition]\nroot = ${root}\nimg_size = ${size}\n`
  expect(refusal(disk(63, 20)).message).toBe(
    'Cannot use disk_partition.root = 63: a root needs at least 64 MiB; give more',
  )
  expect(refusal(disk(64, 16_385)).code).toBe('config-partition-size')
  expect(refusal(disk(64, 0)).code).toBe('config-partitions-do-not-fit')
  // Rule V18 at its border: 60 + 2 × 968 + 2100 MiB are 4 GiB.
  expect(parse(disk(968, 4)).config.disk).toEqual({ rootMib: 968, imageGib: 4 })
  expect(refusal(disk(969, 4)).code).toBe('config-partitions-do-not-fit')
})

test('parseConfig() refuses a package list above 1 MiB, boot packages counted (V21)', () => {
  const list = (count: number) => {
    const names = Array.from({ length: count }, (_, index) => `"p${index}-${'x'.repeat(15_000)}"`)
    return REPO.replace('"containerd"', names.join(','))
  }
  expect(parse(list(69)).config.repo.packages).toHaveLength(69)
  expect(refusal(list(70))).toMatchObject({
    code: 'config-package-list-too-large',
    fields: { key: 'from_repo.rpmlist' },
  })
  expect(refusal(`${REPO}# ${'x'.repeat(4_194_304)}`).code).toBe('config-too-large')
})

/** Each: text behind [from_repo], the key that must be named. */
const INCOMPLETE: readonly (readonly [string, string])[] = [
  ['upgrade_img = " "', 'from_repo.upgrade_img'],
  ['[[users]]\nname = "a"', 'users[0].passwd'],
  ['[[users]]\nname = "a"\npasswd = ""', 'users[0].passwd'],
  ['[[users]]\nname = "a"\npasswd = "p"\nprimary_group = ""', 'users[0].primary_group'],
  ['[[users]]\nname = "a"\npasswd = "p"\ngroups = []', 'users[0].groups'],
  ['[[users]]\nname = "a"\npasswd = "p"\ngroups = [" "]', 'users[0].groups'],
  ['[[users]]\nname = "a"\npasswd = 1', 'users[0].passwd'],
  ['[[users]]\nname = "a"\npasswd = "p"\n[[users]]\nname = "b"', 'users[1].passwd'],
  ['[[copy_files]]\nsrc = "a"', 'copy_files[0].dst'],
  ['[[copy_files]]\nsrc = ["a"]\ndst = "b"', 'copy_files[0].src'],
  ['[[copy_files]]\nsrc = "a"\ndst = "b"\ncreate_dir = " "', 'copy_files[0].create_dir'],
  ['[grub]', 'grub.passwd'],
  ['[systemd_service]\nname = "x"', 'systemd_service.name'],
  ['[systemd_service]\nname = [""]', 'systemd_service.name'],
  ['[chroot_script]\nrm = true', 'chroot_script.path'],
  ['[chroot_script]\npath = "a"\nrm = "yes"', 'chroot_script.rm'],
  ['[disk_partition]\nimg_size = 4', 'disk_partition.root'],
  ['[disk_partition]\nroot = "64"', 'disk_partition.root'],
  ['[persist_mkdir]\nname = []', 'persist_mkdir.name'],
  ['[persist_mkdir]\nname = ["a", " "]', 'persist_mkdir.name'],
  ['[persist_mkdir]\nname = 1', 'persist_mkdir.name'],
  ['[admin_container]\nimg_name = "a"', 'admin_container.hostshell'],
]

test.each(INCOMPLETE)('parseConfig() names the key that is wrong in %j', (text, key) => {
  const error = refusal(`${REPO}${text}\n`)
  expect([error.fields['key'], error.kind]).toEqual([key, 'invalid'])
  expect(error.message).toStartWith(`Cannot use ${key}`)
})

test('parseConfig() lets a small disk size pass for an upgrade image', () => {
  const text = `${REPO}upgrade_img = "a:v1"\n[disk_partition]\nroot = 970\nimg_size = 4\n`
  expect(parse(text, 'upgrade-img').config.disk.rootMib).toBe(970)
})

test('parseConfig() says which types are not built yet', () => {
  for (const type of ['pxe-img', 'admin-container'] as const)
    expect(refusal(REPO, type).code).toBe('not-built-yet')
})

test('parseConfig() reports unknown keys with the nearest known one, and refuses them when strict', () => {
  const text = `${REPO}agent_pth = "x"\n[disk_partitions]\nroot = 1\n[zebra]\na = 1\n`
  expect(parse(text).unknownKeys).toEqual([
    { key: 'from_repo.agent_pth', nearest: 'agent_path' },
    { key: 'disk_partitions', nearest: 'disk_partition' },
    { key: 'zebra', nearest: undefined },
  ])
  expect(refusal(text, 'vm-img', true).message).toMatch(/agent_pth.*did you mean agent_path/)
})

test('parseConfig() survives hostile text: a typed configuration or an OsError', () => {
  const line = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.constantFrom(
      '[from_repo]',
      '[[users]]',
      '[users]',
      'name = ["a"',
      '[__proto__]',
      'constructor = 1',
      'version = """',
    ),
    fc
      .tuple(fc.string({ maxLength: 12 }), fc.json())
      .map(([key, value]) => `${JSON.stringify(key)} = ${value}`),
  )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.boolean(), (lines, prefixed) => {
      const text = `${prefixed ? REPO : ''}${lines.join('\n')}`
      try {
        parse(text)
      } catch (error) {
        if (!isOsError(error) || error.kind === 'bug') throw error
      }
    }),
    { numRuns: 500 },
  )
})

test('parseConfig() lets no user name through that could be a second record or an option', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 40 }), (name) => {
      const text = `${REPO}[[users]]\nname = ${tomlString(name)}\npasswd = "p"\n`
      try {
        parse(text)
      } catch {
        return
      }
      expect(name).toMatch(/^[a-z_][a-z0-9_-]*$/)
    }),
  )
})

function tomlString(value: string): string {
  return `"${value.replace(/[^a-zA-Z0-9 _-]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`
}
