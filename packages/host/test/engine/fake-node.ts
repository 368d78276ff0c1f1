// A node made of files: two slots, a boot folder, persist, /proc. Reboots are decided by the real
// GRUB. The code under test is the shipped engine; nothing in it knows that the slots are files
// (decision 30).
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { systemClock, type Clock } from '@kubenest/base/clock'
import { runOrThrow } from '@kubenest/base/exec'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { renderGrubConfig } from '@kubenest/provision/boot/grub-config'
import { renderGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { openExt4 } from '../../src/agent/backends/ext4-reader.ts'
import type { ImageSource } from '../../src/agent/sources/image-source.ts'
import { createUpdateEngine, type UpdateEngineDeps } from '../../src/agent/update/engine.ts'
import type { UpdateEngine } from '../../src/agent/update/update-engine.ts'
import { systemRawFiles, type RawFiles } from '../../src/linux/raw-file.ts'
import {
  createGrubOracle,
  type Firmware,
  type GrubAnswer,
  type GrubOracle,
} from '../grub-oracle.ts'

export const SLOT_BYTES = 16 * 1024 * 1024
/** What the two documented layouts differ in, for the agent. */
const LAYOUTS = {
  uefi: {
    partuuids: {
      A: '11111111-1111-4111-8111-111111111111',
      B: '22222222-2222-4222-8222-222222222222',
    },
    boot: 'boot/efi/EFI/openEuler',
  },
  legacy: { partuuids: { A: '0badcafe-02', B: '0badcafe-03' }, boot: 'boot/grub2' },
} as const

export interface ImageOptions {
  readonly version: string
  readonly kernel?: boolean
  readonly units?: boolean
  readonly agent?: boolean
  readonly label?: string
  readonly machine?: number
  /** @defaultValue 8 */
  readonly sizeMib?: number
  /** Further files of the root, by path without the leading slash. */
  readonly files?: Readonly<Record<string, string>>
}

export interface FakeNode {
  readonly root: string
  readonly deps: UpdateEngineDeps
  readonly engine: UpdateEngine
  readonly rebootsAsked: () => number
  slotFile(slot: 'A' | 'B'): string
  bootFile(name: string): string
  /** A new engine as after a restart of the program. */
  restart(): UpdateEngine
  /** The next boot, as GRUB decides it. */
  boot(): Promise<GrubAnswer>
  /** Serves these bytes as the image. */
  serve(bytes: Uint8Array): void
}

/** Makes an image of a tiny root file system. */
export async function makeImage(folder: string, options: ImageOptions): Promise<Uint8Array> {
  const root = path.join(folder, `root-${crypto.randomUUID()}`)
  await writeRoot(root, options)
  const image = `${root}.img`
  await runOrThrow(systemExec, 'make an image', {
    argv: [
      'mke2fs',
      '-q',
      '-t',
      'ext4',
      '-b',
      '1024',
      '-O',
      'metadata_csum,64bit,extent',
      '-L',
      options.label ?? 'ROOT-A',
      '-d',
      root,
      image,
      `${options.sizeMib ?? 8}M`,
    ],
  })
  return new Uint8Array(await fs.readFile(image))
}

/** Writes a tiny root file system into a folder. */
export async function writeRoot(root: string, options: ImageOptions): Promise<void> {
  const put = async (name: string, content: string | Uint8Array, mode = 0o644) => {
    await fs.mkdir(path.dirname(path.join(root, name)), { recursive: true })
    await fs.writeFile(path.join(root, name), content, { mode })
  }
  await put('usr/lib/os-release', `NAME=test\nPRETTY_NAME="${options.version}"\n`)
  await fs.mkdir(path.join(root, 'etc'), { recursive: true })
  await fs.symlink('../usr/lib/os-release', path.join(root, 'etc/os-release'))
  if (options.kernel !== false) await put('boot/vmlinuz', 'kernel')
  await put('boot/initramfs.img', 'initramfs')
  for (const [name, content] of Object.entries(options.files ?? {})) await put(name, content)
  const elf = new Uint8Array(200_000)
  elf.set([0x7f, 0x45, 0x4c, 0x46])
  elf[18] = options.machine ?? 0x3e
  await put('usr/bin/os-agent', elf, 0o755)
  if (options.agent !== false) await put('usr/lib/kubenest/image.json', '{"format":1}')
  if (options.units === false) return
  for (const unit of ['trial.service', 'gate.service', 'deadline.timer'])
    await put(`usr/lib/systemd/system/kubenest-${unit}`, '[Unit]\n')
}

/** Makes a node that runs version `v1` in slot A, with an empty slot B. */
export async function createFakeNode(
  folder: string,
  options: {
    rawFiles?: RawFiles
    clock?: Clock
    oracle?: GrubOracle
    wholeUnits?: boolean
    slotBytes?: number
    imageMib?: number
    /** @defaultValue 'uefi' */
    firmware?: Firmware
    /** The text of grub.cfg. @defaultValue ours */
    menu?: string
    /** Further files of version `v1`. */
    files?: Readonly<Record<string, string>>
  } = {},
): Promise<FakeNode> {
  const root = path.join(folder, 'system')
  const { firmware = 'uefi' } = options
  await layOut(root, firmware, options.menu)
  const slotBytes = options.slotBytes ?? SLOT_BYTES
  const { files = {}, imageMib: sizeMib = 8 } = options
  const image = await makeImage(folder, { version: 'v1', sizeMib, files })
  await writeSlot(path.join(root, 'slots/a.img'), image, slotBytes)
  await writeSlot(path.join(root, 'slots/b.img'), new Uint8Array(0), slotBytes)
  if (options.wholeUnits !== false) await writeGateUnit(root)
  const state = { reboots: 0, bytes: new Uint8Array(0) as Uint8Array }
  const deps: UpdateEngineDeps = {
    sysroot: createSysRoot(root),
    clock: options.clock ?? systemClock,
    log: silentLogger,
    exec: systemExec,
    rawFiles: options.rawFiles ?? systemRawFiles,
    architecture: 'x86_64',
    source: sourceOf(() => state.bytes),
    stop: new AbortController().signal,
    ownerUid: process.getuid?.() ?? 0,
    reboot: async () => {
      state.reboots += 1
    },
  }
  const oracle = options.oracle ?? (await createGrubOracle(path.join(folder, 'oracle')))
  const slotFile = (slot: 'A' | 'B') => path.join(root, `slots/${slot.toLowerCase()}.img`)
  const bootFile = (name: string) => path.join(root, LAYOUTS[firmware].boot, name)
  return {
    root,
    deps,
    engine: createUpdateEngine(deps),
    rebootsAsked: () => state.reboots,
    slotFile,
    bootFile,
    restart: () => createUpdateEngine(deps),
    boot: () => boot(root, oracle, firmware, slotFile, bootFile),
    serve: (bytes) => {
      state.bytes = bytes
    },
  }
}

async function layOut(root: string, firmware: Firmware, text?: string): Promise<void> {
  const { partuuids, boot: bootFolder } = LAYOUTS[firmware]
  for (const folder of [
    'proc/sys/kernel/random',
    'dev/disk/by-partuuid',
    'dev/disk/by-label',
    'slots',
  ])
    await fs.mkdir(path.join(root, folder), { recursive: true })
  for (const folder of [bootFolder, 'persist', 'run', 'etc/kubenest'])
    await fs.mkdir(path.join(root, folder), { recursive: true })
  for (const slot of ['A', 'B'] as const) {
    const file = path.join(root, `slots/${slot.toLowerCase()}.img`)
    await fs.symlink(file, path.join(root, 'dev/disk/by-partuuid', partuuids[slot]))
    await fs.symlink(file, path.join(root, `dev/disk/by-label/ROOT-${slot}`))
  }
  const boot = path.join(root, bootFolder)
  const menu = { partuuidA: partuuids.A, partuuidB: partuuids.B, menuTimeoutSeconds: 0 }
  await fs.writeFile(path.join(boot, 'grub.cfg'), text ?? renderGrubConfig(menu))
  const environment = renderGrubEnvironment(new Map([['saved_entry', 'A']]))
  await fs.writeFile(path.join(boot, 'grubenv'), environment)
  await fs.writeFile(path.join(root, 'etc/os-release'), 'PRETTY_NAME="v1"\n')
  await fs.writeFile(path.join(root, 'etc/kubenest/health.toml'), HEALTH)
  await fs.writeFile(path.join(root, 'proc/mounts'), 'x /persist ext4 rw 0 0\n')
  await writeProc(root, firmware, 'A', [])
}

const HEALTH = `[timings]
least_uptime_seconds = 0
wanted_wait_seconds = 0
look_interval_seconds = 0.001
[required]
mounts = ["/persist"]
units_if_enabled = []
sockets = []
`

async function writeProc(
  root: string,
  firmware: Firmware,
  slot: 'A' | 'B',
  words: readonly string[],
): Promise<void> {
  const line = [
    `root=PARTUUID=${LAYOUTS[firmware].partuuids[slot]}`,
    ...words.filter((each) => !each.startsWith('root=')),
  ]
  await fs.writeFile(path.join(root, 'proc/cmdline'), `${line.join(' ')}\n`)
  await fs.writeFile(path.join(root, 'proc/sys/kernel/random/boot_id'), `${crypto.randomUUID()}\n`)
  await fs.writeFile(path.join(root, 'proc/uptime'), '10.00 10.00\n')
}

async function writeGateUnit(root: string): Promise<void> {
  const folder = path.join(root, 'usr/lib/systemd/system')
  await fs.mkdir(folder, { recursive: true })
  await fs.writeFile(path.join(folder, 'kubenest-gate.service'), '[Unit]\n')
}

async function writeSlot(file: string, image: Uint8Array, slotBytes: number): Promise<void> {
  await fs.writeFile(file, image)
  await fs.truncate(file, slotBytes)
}

async function boot(
  root: string,
  oracle: GrubOracle,
  firmware: Firmware,
  slotFile: (slot: 'A' | 'B') => string,
  bootFile: (name: string) => string,
): Promise<GrubAnswer> {
  const files: Record<string, Uint8Array> = {}
  for (const name of await fs.readdir(path.dirname(bootFile('x'))))
    files[name] = new Uint8Array(await fs.readFile(bootFile(name)))
  const kernels = { a: await hasKernel(slotFile('A')), b: await hasKernel(slotFile('B')) }
  const answer = await oracle.ask({ files, kernels, firmware })
  if (answer.environmentAfter !== undefined)
    await fs.writeFile(bootFile('grubenv'), answer.environmentAfter, { flag: 'r+' })
  await fs.rm(path.join(root, 'run'), { recursive: true })
  await fs.mkdir(path.join(root, 'run'))
  if (answer.slot === 'none') return answer
  await writeProc(root, firmware, answer.slot, answer.kernelArguments)
  await showRelease(root, slotFile(answer.slot))
  return answer
}

/** The root that was booted shows its own version. */
async function showRelease(root: string, file: string): Promise<void> {
  const bytes = new Uint8Array(await fs.readFile(file))
  const reader = await openExt4(async (at, length) => bytes.slice(at, at + length))
  const release = await reader.readFile('/usr/lib/os-release', 4096)
  await fs.writeFile(path.join(root, 'etc/os-release'), release ?? '')
}

/** Can GRUB load a kernel and an initramfs from this slot? */
export async function hasKernel(file: string): Promise<boolean> {
  return hasKernelInside(new Uint8Array(await fs.readFile(file)))
}

/** The same for the bytes of a slot. */
export async function hasKernelInside(bytes: Uint8Array): Promise<boolean> {
  try {
    const reader = await openExt4(async (position, length) =>
      bytes.slice(position, position + length),
    )
    const sizes = await Promise.all([
      reader.sizeOf('/boot/vmlinuz'),
      reader.sizeOf('/boot/initramfs.img'),
    ])
    return sizes.every((size) => size !== undefined && size > 0)
  } catch {
    // Not a file system: GRUB finds no kernel either.
    return false
  }
}

function sourceOf(bytes: () => Uint8Array): ImageSource {
  return {
    open: async () => ({
      sizeBytes: bytes().length,
      bytes: pieces(bytes()),
    }),
  }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  // An odd size, so that no boundary of ours is ever hit by luck.
  const size = 100_003
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
