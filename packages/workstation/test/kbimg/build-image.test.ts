// Black box: the kbimg program builds a small image from the machine's own Debian sources, is
// killed in the middle, and the result is judged by other people's tools. Takes a minute or two;
// needs root or a range in /etc/subuid, and the network of apt.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

const MAIN = path.resolve(import.meta.dir, '../../src/main.ts')
const BUILD_TIMEOUT_MS = 600_000
const MIB = 1024 * 1024
const PASSWORD = 'hunter2 in the clear'
const EPOCH = '1767225600'

let folder = ''

async function sources(): Promise<string> {
  for (const file of ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list'])
    if (await fs.exists(file)) return file
  throw new Error('Cannot test: this machine has no Debian sources')
}

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'kbimg-test-'))
  await fs.writeFile(path.join(folder, 'agent'), '#!/bin/true\n', { mode: 0o755 })
  await fs.writeFile(path.join(folder, 'script.sh'), 'echo made inside > /etc/made-inside\n')
  await fs.mkdir(path.join(folder, 'copied dir'))
  await fs.writeFile(path.join(folder, 'copied dir', "it's $HOME; a file"), 'copied\n')
  await fs.mkdir(path.join(folder, 'scripts-auto'))
  await fs.writeFile(path.join(folder, 'scripts-auto', 'previous'), 'result')
  await fs.writeFile(
    path.join(folder, 'kbimg.toml'),
    `[from_repo]
version = "v1"
repo_path = "${await sources()}"
agent_path = "./agent"
root_passwd = "*"
rpmlist = []
legacy_bios = false
upgrade_img = "kubeos-upgrade:v1"
[disk_partition]
root = 700
img_size = 4
[[users]]
name = "ada"
passwd = "${PASSWORD}"
[[copy_files]]
src = "./copied dir"
dst = "/etc/copied"
[grub]
passwd = "${PASSWORD}"
[chroot_script]
path = "./script.sh"
rm = true
[persist_mkdir]
name = ["data/deep"]
`,
  )
})

afterAll(async () => {
  await fs.rm(folder, { recursive: true, force: true })
})

function start(...argv: string[]) {
  return Bun.spawn(['nice', 'bun', MAIN, 'kbimg', 'create', '-f', 'kbimg.toml', ...argv], {
    cwd: folder,
    env: { ...process.env, SOURCE_DATE_EPOCH: EPOCH },
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

async function output(...argv: [string, ...string[]]): Promise<string> {
  const child = Bun.spawn(argv, { cwd: folder, stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${code}: ${stderr}${stdout}`)
  return stdout
}

async function until(
  what: string,
  limitMs: number,
  condition: () => Promise<boolean>,
): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Cannot see in ${limitMs} ms: ${what}`)
    await Bun.sleep(50)
  }
}

/** Programs that still work in our folder, by their command lines. */
async function processesHere(): Promise<string[]> {
  const found = []
  for (const pid of await fs.readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const line = await fs.readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (line.includes(`${folder}/scripts-auto`)) found.push(line.replaceAll('\0', ' '))
  }
  return found
}

test(
  'kbimg killed in the middle leaves the previous result, no process and no mount',
  async () => {
    const child = start('vm-img')
    await until('packages being unpacked', BUILD_TIMEOUT_MS, () =>
      fs.exists(path.join(folder, 'scripts-auto.new/rootfs/usr/bin')),
    )
    // The program below `nice` is kbimg itself: nice replaces itself by it.
    child.kill('SIGKILL')
    await child.exited
    await until(
      'every program of the build gone',
      10_000,
      async () => (await processesHere()).length === 0,
    )
    expect(await fs.readFile('/proc/self/mounts', 'utf8')).not.toContain(folder)
    expect(await fs.readdir(path.join(folder, 'scripts-auto'))).toEqual(['previous'])
  },
  BUILD_TIMEOUT_MS,
)

test(
  'kbimg builds after a kill, keeps a second run out, and replaces the previous result at its end',
  async () => {
    const child = start('vm-img')
    await until('the lock', 30_000, async () => {
      const holder = await fs
        .readFile(path.join(folder, 'scripts-auto.lock'), 'utf8')
        .catch(() => '')
      return holder.startsWith(`${child.pid} `)
    })
    const second = start('vm-img')
    expect(await second.exited).toBe(203)
    expect(await new Response(second.stdout).text()).toContain(`process ${child.pid} holds it`)
    const progress = await new Response(child.stdout).text()
    if ((await child.exited) !== 0) throw new Error(`Cannot build:\n${progress}`)
    expect(progress).toContain('[2/19] make root file system from packages')
    expect(progress).not.toContain('hunter2')
    expect((await fs.readdir(folder)).sort()).toEqual(
      ['agent', 'copied dir', 'kbimg.toml', 'script.sh', 'scripts-auto'].sort(),
    )
    expect((await fs.readdir(path.join(folder, 'scripts-auto'))).sort()).toEqual(
      ['kubeos.tar', 'root.img', 'root.img.zst', 'system.img', 'system.qcow2']
        .flatMap((name) => [name, `${name}.json`])
        .concat('kbimg.sh', 'set_in_chroot.sh', 'bootloader.sh')
        .concat('grub.cfg', 'misc-files', 'rpmlist')
        .sort(),
    )
    const inside = path.join(folder, 'scripts-auto/set_in_chroot.sh')
    expect(await fs.readFile(inside, 'utf8')).toMatch(/^mv \/boot\/vmlinuz-\d\S+ \/boot\/vmlinuz$/m)
  },
  BUILD_TIMEOUT_MS,
)

test('the disk has the documented partitions and labels', async () => {
  const disk = 'scripts-auto/system.img'
  const table = JSON.parse(await output('sfdisk', '--json', disk))
  const partitions: { name: string; start: number; size: number }[] =
    table.partitiontable.partitions
  expect(
    partitions.map(({ name, start, size }) => [name, start / 2048, (start + size) / 2048]),
  ).toEqual([
    ['BOOT', 1, 60],
    ['ROOT-A', 60, 760],
    ['ROOT-B', 760, 1460],
    ['PERSIST', 1460, 4095],
  ])
  expect(await output('sgdisk', '-v', disk)).toContain('No problems found')
  for (const { name, start } of partitions)
    expect(
      await output('blkid', '-p', '-O', String(start * 512), '-s', 'LABEL', '-o', 'value', disk),
    ).toBe(`${name}\n`)
}, 60_000)

test('every file system of the disk is clean', async () => {
  for (const [startMib, sizeMib] of [
    [60, 700],
    [760, 700],
    [1460, 2635],
  ] as const) {
    await output(
      'dd',
      'if=scripts-auto/system.img',
      'of=part',
      'bs=1M',
      `skip=${startMib}`,
      `count=${sizeMib}`,
      'conv=sparse',
      'status=none',
    )
    await output('e2fsck', '-fn', 'part')
    if (startMib === 1460) {
      for (const name of [
        'var',
        'etc',
        'etcwork',
        'opt',
        'optwork',
        'etc/KubeOS/certs',
        'data/deep',
      ])
        expect(await output('debugfs', '-R', `stat /${name}`, 'part')).toContain('Type: directory')
    }
    await fs.rm(path.join(folder, 'part'))
  }
}, 60_000)

test('the boot partition starts slot A and asks for the password to edit only', async () => {
  const image = `scripts-auto/system.img@@${MIB}`
  expect(await output('mtype', '-i', image, '::EFI/openEuler/grubenv')).toMatch(
    /^# GRUB Environment Block\nsaved_entry=A\n#/,
  )
  expect(await output('mtype', '-i', image, '::EFI/openEuler/user.cfg')).toMatch(
    /^GRUB2_PASSWORD=grub\.pbkdf2\.sha512\.\S+\n$/,
  )
  expect(await output('mdir', '-i', image, '-b', '::EFI/BOOT')).toContain('BOOTX64.EFI')
  const table = JSON.parse(await output('sfdisk', '--json', 'scripts-auto/system.img'))
  const menu = await output('mtype', '-i', image, '::EFI/openEuler/grub.cfg')
  for (const index of [1, 2])
    expect(menu).toContain(
      `root=PARTUUID=${String(table.partitiontable.partitions[index].uuid).toLowerCase()} ro`,
    )
})

async function inRoot(request: string): Promise<string> {
  return output('debugfs', '-R', request, 'scripts-auto/root.img')
}

test('the root has agent, identity of the system, user content, and nothing of one machine', async () => {
  expect(await inRoot('stat /usr/bin/os-agent')).toMatch(
    /Mode:\s+0500[\s\S]*User:\s+0\s+Group:\s+0/,
  )
  expect(await inRoot('cat /usr/lib/os-release')).toBe(
    'NAME="KubeOS"\nID=kubeos\nPRETTY_NAME="KubeOS v1"\nVERSION_ID=v1\n',
  )
  expect(await inRoot('cat /etc/made-inside')).toBe('made inside\n')
  expect(await inRoot(`cat "/etc/copied/it's $HOME; a file"`)).toBe('copied\n')
  expect(await inRoot('cat /etc/shadow')).toMatch(/^ada:\$6\$/m)
  expect(await inRoot('cat /etc/shadow')).toMatch(/^root:\*:/m)
  expect(await inRoot('cat /usr/lib/tmpfiles.d/kubeos-var.conf')).toContain(
    'L /var/lib/dpkg - - - - /usr/share/kubenest/dpkg',
  )
  for (const kept of [
    '/boot/vmlinuz',
    '/boot/initramfs.img',
    '/usr/share/factory/var/lib',
    '/etc/localtime',
    '/usr/share/zoneinfo/Etc/UTC',
  ])
    expect(await inRoot(`stat ${kept}`)).toContain('Inode:')
  for (const link of [
    'local-fs.target.wants/etc.mount',
    'sockets.target.wants/os-agent.socket',
    'multi-user.target.wants/kubenest-gate.service',
  ])
    expect(await inRoot(`stat /etc/systemd/system/${link}`)).toContain('Type: symlink')
  for (const gone of [
    '/etc/os-release',
    '/script.sh',
    '/.kbimg',
    '/etc/hostname',
    '/etc/ssh/ssh_host_rsa_key',
  ])
    expect(await inRoot(`stat ${gone}`)).not.toContain('Inode:')
  expect(await inRoot('cat /etc/machine-id')).toBe('')
})

test('manifests tell the digests of the bytes on the wire and of the slot', async () => {
  const digest = async (file: string) =>
    (await output('sha256sum', `scripts-auto/${file}`)).slice(0, 64)
  const manifest = JSON.parse(
    await fs.readFile(path.join(folder, 'scripts-auto/root.img.zst.json'), 'utf8'),
  )
  expect(manifest).toMatchObject({
    format: 1,
    osversion: 'KubeOS v1',
    layout: 'ab-ext4',
    trialContract: 1,
    builtAt: '2026-01-01T00:00:00Z',
  })
  expect(manifest.packages.length).toBeGreaterThan(50)
  expect(manifest.artefacts).toEqual([
    {
      file: 'root.img.zst',
      kind: 'raw.zst',
      sizeBytes: (await fs.stat(path.join(folder, 'scripts-auto/root.img.zst'))).size,
      digest: await digest('root.img.zst'),
      slotDigest: await digest('root.img'),
      slotSizeBytes: 700 * MIB,
    },
  ])
}, 60_000)

test('the tar holds the same root, no file newer than SOURCE_DATE_EPOCH', async () => {
  const list = await output(
    'tar',
    '--list',
    '--verbose',
    '--numeric-owner',
    '--utc',
    '--full-time',
    '--file',
    'scripts-auto/kubeos.tar',
  )
  expect(list).toMatch(/^-r-x------ 0\/0 .* \.\/usr\/bin\/os-agent$/m)
  expect(list).toMatch(/\.\/boot\/vmlinuz$/m)
  const newest = list
    .split('\n')
    .map((line) => / (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) /.exec(line)?.[1] ?? '')
    .sort()
    .at(-1)
  expect(newest).toBe('2026-01-01 00:00:00')
}, 60_000)
