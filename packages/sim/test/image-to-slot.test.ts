// What kbimg packs, the agent takes: the artefacts of one tiny root, made by the builder's own
// steps, go through the agent's own back-end into a slot that is a file. Needs the right to mount.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemClock } from '@kubenest/base/clock'
import { runOrThrow } from '@kubenest/base/exec'
import { digestFile } from '@kubenest/base/files'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { createAbExt4Backend } from '@kubenest/host/agent/backends/ab-ext4'
import type { StagedSlot } from '@kubenest/host/agent/backends/update-backend'
import { systemRawFiles } from '@kubenest/host/linux/raw-file'
import type { Build } from '@kubenest/workstation/kbimg/build'
import { deriveBuildIds } from '@kubenest/workstation/kbimg/build-ids'
import { createRootTools } from '@kubenest/workstation/kbimg/namespaces'
import { parseConfig } from '@kubenest/workstation/kbimg/parse-config'
import { renderRootFiles } from '@kubenest/workstation/kbimg/root-files'
import { clampTimes } from '@kubenest/workstation/kbimg/steps/clamp-times'
import { packContainerImage } from '@kubenest/workstation/kbimg/steps/pack-container-image'
import { writeManifests } from '@kubenest/workstation/kbimg/steps/write-manifests'
import { makeRootImage, packTar } from '@kubenest/workstation/kbimg/steps/pack-root'

const SLOT_MIB = 64
const EPOCH_SECONDS = 1_767_225_600
const LONG_NAME = `usr/share/${'deep/'.repeat(30)}${'n'.repeat(200)}`
const TOML = `[from_repo]
version = "v2"
repo_path = "r"
agent_path = "a"
root_passwd = "*"
rpmlist = []
legacy_bios = false
upgrade_img = "tiny:v2"
[disk_partition]
root = ${SLOT_MIB}
`

const canMount = process.getuid?.() === 0 && (await fs.exists('/dev/loop-control'))
/** Debian's libcap2-bin has it; this test is no reason to install it. */
const canSetCapability = Bun.which('setcap') !== null
let folder = ''

async function exec(...argv: [string, ...string[]]): Promise<string> {
  return await runOrThrow(systemExec, argv.join(' '), { argv })
}

async function createBuild(): Promise<Build> {
  const options = { imageType: 'upgrade-img', architecture: 'x86_64', strict: true } as const
  const { config } = parseConfig(TOML, options)
  const work = path.join(folder, 'build')
  return {
    imageType: 'upgrade-img',
    config,
    cwd: folder,
    work,
    root: path.join(work, 'rootfs'),
    builtAtSeconds: EPOCH_SECONDS,
    tools: createRootTools(true),
    exec: systemExec,
    stop: new AbortController().signal,
    note: () => {},
    record: () => {},
    ids: await deriveBuildIds(config, EPOCH_SECONDS),
    packages: [],
    artefacts: [],
  }
}

/** Our generated files, and one of each kind of file that packages bring. */
async function writeRoot(build: Build): Promise<void> {
  const put = async (name: string, content: string | Uint8Array, mode = 0o644) => {
    const file = path.join(build.root, name)
    await fs.mkdir(path.dirname(file), { recursive: true })
    await fs.writeFile(file, content, { mode })
  }
  for (const { path: name, text, mode } of renderRootFiles(build)) await put(name, text, mode)
  const program = new Uint8Array(100_000)
  program.set([0x7f, 0x45, 0x4c, 0x46])
  program[18] = 0x3e
  await put('usr/bin/os-agent', program, 0o500)
  await put('boot/vmlinuz', 'kernel')
  await put('boot/initramfs.img', 'initramfs')
  await put('usr/bin/with-capability', program, 0o755)
  await put(LONG_NAME, 'found')
  await put("etc/it's a $name ä", 'found')
  const at = (name: string) => path.join(build.root, name)
  await fs.chmod(at('usr/bin/with-capability'), 0o2755)
  if (canSetCapability) await exec('setcap', 'cap_net_raw=ep', at('usr/bin/with-capability'))
  await fs.link(at('boot/vmlinuz'), at('boot/vmlinuz-again'))
  await fs.symlink('/usr/lib/os-release', at('etc/os-release'))
  await fs.chown(at('etc/os-release').replace('os-release', "it's a $name ä"), 1000, 1001)
}

beforeAll(async () => {
  if (!canMount) return
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'image-to-slot-'))
  const build = await createBuild()
  await writeRoot(build)
  await clampTimes(build, build.root)
  await packTar(build)
  await makeRootImage(build)
  await packContainerImage(build)
  await writeManifests(build)
}, 120_000)

afterAll(async () => {
  if (canMount) await fs.rm(folder, { recursive: true })
})

async function* piecesOf(file: string): AsyncGenerator<Uint8Array> {
  const bytes = new Uint8Array(await fs.readFile(file))
  for (let at = 0; at < bytes.length; at += 100_003) yield bytes.subarray(at, at + 100_003)
}

/** Slot B of a node of files; A runs. */
async function stage(artefact: string, node: string): Promise<StagedSlot & { slot: string }> {
  const root = path.join(folder, node)
  await fs.mkdir(path.join(root, 'persist'), { recursive: true })
  await fs.mkdir(path.join(root, 'proc'))
  await fs.writeFile(path.join(root, 'proc/mounts'), '')
  const devices = { A: path.join(root, 'a.img'), B: path.join(root, 'b.img') }
  const sizeBytes = SLOT_MIB * 1024 * 1024
  for (const device of Object.values(devices)) {
    await fs.writeFile(device, '')
    await fs.truncate(device, sizeBytes)
  }
  const backend = createAbExt4Backend({
    sysroot: createSysRoot(root),
    clock: systemClock,
    exec: systemExec,
    rawFiles: systemRawFiles,
    architecture: 'x86_64',
  })
  const slots = { booted: 'A', devices, sizesBytes: { A: sizeBytes, B: sizeBytes } } as const
  const image = { sizeBytes: (await fs.stat(artefact)).size, bytes: piecesOf(artefact) }
  const received = await backend.receive(image, {
    target: 'B',
    slots,
    imageDigest: await digestFile(artefact),
    version: 'KubeOS v2',
    onProgress: () => {},
    signal: new AbortController().signal,
  })
  await backend.blank(slots, 'B')
  const staged = await received.fill()
  return { ...staged, slot: devices.B }
}

const artefact = (name: string) => path.join(folder, 'build', name)

async function ask(slot: string, request: string): Promise<string> {
  return await exec('debugfs', '-R', request, slot)
}

describe.skipIf(!canMount)('artefacts of kbimg', () => {
  test.each(['kubeos.tar', 'root.img', 'root.img.zst'])(
    'stage() takes %s: full trial contract, owners, modes, links and capabilities as built',
    async (name) => {
      const { slot, ...staged } = await stage(artefact(name), `node-${name}`)
      expect(staged).toMatchObject({ version: 'KubeOS v2', contract: 'full' })
      expect(await exec('e2label', slot)).toBe('ROOT-B')
      expect(await ask(slot, `cat "/${LONG_NAME}"`)).toBe('found')
      expect(await ask(slot, `stat "/etc/it's a $name ä"`)).toMatch(/User: +1000 +Group: +1001/)
      expect(await ask(slot, 'stat /usr/bin/os-agent')).toMatch(/Mode: +0500/)
      const withCapability = await ask(slot, 'stat /usr/bin/with-capability')
      expect(withCapability).toMatch(/Mode: +02755/)
      expect(withCapability.includes('security.capability')).toBe(canSetCapability)
      expect(await ask(slot, 'stat /boot/vmlinuz')).toMatch(/Links: 2/)
      expect(await ask(slot, 'stat /etc/os-release')).toContain('Type: symlink')
    },
    120_000,
  )

  test('packContainerImage() holds the same tar as /os.tar, and nothing else', async () => {
    const archive = `oci-archive:${artefact('upgrade-img.oci.tar')}`
    const target = path.join(folder, 'unpacked')
    await exec('skopeo', 'copy', '-q', archive, `dir:${target}`)
    const told = JSON.parse(await fs.readFile(artefact('upgrade-img.oci.tar.json'), 'utf8'))
    expect(told.artefacts[0]).toMatchObject({
      kind: 'oci',
      digest: await digestFile(artefact('upgrade-img.oci.tar')),
    })
    const shown = JSON.parse(await exec('skopeo', 'inspect', archive)).Digest
    expect(`sha256:${told.artefacts[0].imageDigest}`).toBe(shown)
    const manifest = JSON.parse(await fs.readFile(`${target}/manifest.json`, 'utf8'))
    expect(manifest.layers).toHaveLength(1)
    const layer = path.join(target, manifest.layers[0].digest.slice('sha256:'.length))
    expect(await exec('tar', '--list', '--file', layer)).toBe('os.tar')
    await exec('tar', '--extract', '--file', layer, '--directory', target)
    expect(await digestFile(`${target}/os.tar`)).toBe(await digestFile(artefact('kubeos.tar')))
  }, 60_000)
})
