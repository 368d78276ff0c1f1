// Asks the real GRUB (Debian's grub-emu) what it would boot. Composes a small disk (GPT with an
// ESP, or msdos with an ext4 boot partition, from given files; slots with or without a kernel),
// runs the menu on it with `linux` and `initrd` as script functions that print, and reads the
// environment back. Same question, same answer: answers are kept.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import { openExt4 } from '../src/agent/backends/ext4-reader.ts'

const MIB = 1024 * 1024
const ESP_FOLDER = 'EFI/openEuler'
/** A hundred times what it takes on an idle machine; past it GRUB waits for a person. */
const BOOT_LIMIT_MS = 30_000
const PARTITIONS_MIB = { esp: [1, 4], a: [5, 2], b: [7, 2] } as const

/** Which of the documented layouts the disk has. */
export type Firmware = 'uefi' | 'legacy'

export interface GrubQuestion {
  /** Files of the boot folder, `grub.cfg` among them; a name that is absent does not exist. */
  readonly files: Readonly<Record<string, Uint8Array | string>>
  /** Does the slot hold a kernel and an initramfs? */
  readonly kernels: { readonly a: boolean; readonly b: boolean }
  /** The disk takes no writes, so that save_env must fail. */
  readonly isReadOnly?: boolean
  /** @defaultValue 'uefi' */
  readonly firmware?: Firmware
}

export interface GrubAnswer {
  readonly slot: 'A' | 'B' | 'none'
  /** The menu restarted the machine: it said so, and did not wait for a person. */
  readonly restarts: boolean
  /** Words of the kernel line after the kernel's name. */
  readonly kernelArguments: readonly string[]
  /** grubenv as GRUB left it; undefined when the file does not exist. */
  readonly environmentAfter: Uint8Array | undefined
  /** What GRUB printed, for a failing test. */
  readonly screen: string
}

export interface GrubOracle {
  ask(question: GrubQuestion): Promise<GrubAnswer>
  /** Number of questions that were really given to GRUB. */
  readonly runs: () => number
}

/** How a whole disk is booted. */
export interface BootDiskOptions {
  readonly isReadOnly?: boolean
  /** @defaultValue 'uefi' */
  readonly firmware?: Firmware
  /** After this GRUB is ended. Milliseconds, @defaultValue 30,000 */
  readonly limitMs?: number
}

/** Makes an oracle that works in this folder. */
export async function createGrubOracle(folder: string): Promise<GrubOracle> {
  await fs.mkdir(folder, { recursive: true })
  const slots = await prepareSlots(folder)
  const answers = new Map<string, Promise<GrubAnswer>>()
  let runs = 0
  return {
    runs: () => runs,
    ask: (question) => {
      const key = keyOf(question)
      const known = answers.get(key)
      if (known !== undefined) return known
      runs += 1
      const answer = askGrub(path.join(folder, `run-${runs}`), slots, question)
      answers.set(key, answer)
      return answer
    },
  }
}

interface SlotTemplates {
  readonly full: Uint8Array
  readonly empty: Uint8Array
}

async function prepareSlots(folder: string): Promise<SlotTemplates> {
  const root = path.join(folder, 'slot-root')
  await fs.mkdir(path.join(root, 'boot'), { recursive: true })
  await fs.writeFile(path.join(root, 'boot/vmlinuz'), 'kernel')
  await fs.writeFile(path.join(root, 'boot/initramfs.img'), 'initramfs')
  await makeExt4(path.join(folder, 'full.img'), root)
  await makeExt4(path.join(folder, 'empty.img'))
  return {
    full: await fs.readFile(path.join(folder, 'full.img')),
    empty: await fs.readFile(path.join(folder, 'empty.img')),
  }
}

async function makeExt4(image: string, root?: string): Promise<void> {
  const content = root === undefined ? [] : ['-d', root]
  await runOrThrow(systemExec, 'make a slot', {
    argv: ['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', ...content, image, '2M'],
  })
}

async function askGrub(
  folder: string,
  slots: SlotTemplates,
  question: GrubQuestion,
): Promise<GrubAnswer> {
  await fs.mkdir(folder, { recursive: true })
  try {
    const disk = path.join(folder, 'disk.img')
    await composeDisk(disk, folder, slots, question)
    const { isReadOnly = false, firmware = 'uefi' } = question
    const decision = await bootDisk(folder, disk, { isReadOnly, firmware })
    return { ...decision, environmentAfter: await readEnvironment(disk, firmware) }
  } finally {
    await fs.rm(folder, { recursive: true, force: true })
  }
}

/**
 * What GRUB boots from a whole disk: the boot folder on partition 1, slots on 2 and 3. GRUB may
 * write to the disk. The folder holds files of this question.
 */
export async function bootDisk(
  folder: string,
  disk: string,
  options: BootDiskOptions = {},
): Promise<Omit<GrubAnswer, 'environmentAfter'>> {
  await fs.mkdir(path.join(folder, 'grub'), { recursive: true })
  await fs.writeFile(path.join(folder, 'device.map'), `(hd0) ${disk}\n`)
  await fs.writeFile(path.join(folder, 'grub/grub.cfg'), renderStub(options.firmware ?? 'uefi'))
  const screen = await runGrub(folder, disk, options)
  return { ...readScreen(screen), screen }
}

async function composeDisk(
  disk: string,
  folder: string,
  slots: SlotTemplates,
  question: GrubQuestion,
): Promise<void> {
  await fs.writeFile(disk, new Uint8Array(0))
  await fs.truncate(disk, 10 * MIB)
  const { esp, a, b } = PARTITIONS_MIB
  const lines = [esp, a, b].map(([start, size]) => `start=${start}MiB, size=${size}MiB`)
  await runOrThrow(systemExec, 'partition the disk', {
    argv: ['sfdisk', '--quiet', '--no-reread', '--no-tell-kernel', disk],
    stdin: `label: ${question.firmware === 'legacy' ? 'dos' : 'gpt'}\n${lines.join('\n')}\n`,
  })
  const boot = await writeSources(folder, question.files)
  await (question.firmware === 'legacy' ? fillExt4(disk, boot) : fillEsp(disk, boot))
  const handle = await fs.open(disk, 'r+')
  try {
    const slotA = question.kernels.a ? slots.full : slots.empty
    const slotB = question.kernels.b ? slots.full : slots.empty
    await handle.write(slotA, 0, slotA.length, a[0] * MIB)
    await handle.write(slotB, 0, slotB.length, b[0] * MIB)
  } finally {
    await handle.close()
  }
}

/** The files of the boot folder, on the host. */
async function writeSources(folder: string, files: GrubQuestion['files']): Promise<string> {
  const sources = path.join(folder, 'boot-files')
  await fs.mkdir(sources)
  for (const [name, content] of Object.entries(files))
    await fs.writeFile(path.join(sources, name), content)
  return sources
}

async function fillExt4(disk: string, sources: string): Promise<void> {
  const [startMib, sizeMib] = PARTITIONS_MIB.esp
  const place = ['-E', `offset=${startMib * MIB}`, disk, `${sizeMib}M`]
  await runOrThrow(systemExec, 'make the boot partition', {
    argv: ['mke2fs', '-q', '-F', '-t', 'ext4', '-L', 'GRUB2', '-d', sources, ...place],
  })
}

async function fillEsp(disk: string, sources: string): Promise<void> {
  const esp = `${disk}@@1M`
  const run = (...argv: [string, ...string[]]) =>
    runOrThrow(systemExec, 'fill the ESP', { argv, env: { MTOOLS_SKIP_CHECK: '1' } })
  await run('mformat', '-i', esp, '-T', String((4 * MIB) / 512), '-h', '16', '-s', '32', '::')
  await run('mmd', '-i', esp, '::EFI', `::${ESP_FOLDER}`)
  const files = (await fs.readdir(sources)).map((name) => path.join(sources, name))
  await run('mcopy', '-i', esp, ...files, `::${ESP_FOLDER}/`)
}

/**
 * grub-emu wants a terminal type and a device map; a namespace makes the disk read-only where
 * asked.
 */
async function runGrub(folder: string, disk: string, options: BootDiskOptions): Promise<string> {
  const emu = [
    'grub-emu',
    '--root=host',
    `--directory=${path.join(folder, 'grub')}`,
    `--device-map=${path.join(folder, 'device.map')}`,
  ] as const
  const guard = ['bwrap', '--dev-bind', '/', '/', '--ro-bind', disk, disk] as const
  const result = await systemExec.run({
    argv: options.isReadOnly === true ? [...guard, ...emu] : [...emu],
    env: { TERM: 'dumb' },
    timeoutMs: options.limitMs ?? BOOT_LIMIT_MS,
  })
  return result.stdout + result.stderr
}

function readScreen(screen: string): Pick<GrubAnswer, 'slot' | 'restarts' | 'kernelArguments'> {
  const restarts = /^Restarting in \d+ s/m.test(screen)
  const words = [...screen.matchAll(/KUBENEST-WORD (\S+)/g)].map((match) => match[1] ?? '')
  const [device, , ...kernelArguments] = words
  if (!screen.includes('KUBENEST-BOOT') || device === undefined)
    return { slot: 'none', restarts, kernelArguments: [] }
  return { slot: /^hd0,(?:gpt|msdos)2$/.test(device) ? 'A' : 'B', restarts, kernelArguments }
}

async function readEnvironment(disk: string, firmware: Firmware): Promise<Uint8Array | undefined> {
  if (firmware === 'legacy') return readExt4Environment(disk)
  const copy = `${disk}.grubenv`
  const result = await systemExec.run({
    argv: ['mcopy', '-n', '-i', `${disk}@@1M`, `::${ESP_FOLDER}/grubenv`, copy],
    env: { MTOOLS_SKIP_CHECK: '1' },
  })
  return result.exitCode === 0 ? new Uint8Array(await fs.readFile(copy)) : undefined
}

async function readExt4Environment(disk: string): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(await fs.readFile(disk))
  const start = PARTITIONS_MIB.esp[0] * MIB
  const root = await openExt4(async (at, length) => bytes.slice(start + at, start + at + length))
  return root.readFile('/grubenv', 4096)
}

function keyOf(question: GrubQuestion): string {
  const hasher = new Bun.CryptoHasher('sha256')
  for (const [name, content] of Object.entries(question.files)) {
    hasher.update(`${name}\0${content.length}\0`)
    hasher.update(content)
  }
  const { kernels, isReadOnly = false, firmware = 'uefi' } = question
  hasher.update(JSON.stringify([kernels, isReadOnly, firmware]))
  return hasher.digest('hex')
}

// Modules come from the host; the menu, its environment and the kernels from the disk.
function renderStub(firmware: Firmware): string {
  const [partition, folder] = firmware === 'legacy' ? ['msdos1', ''] : ['gpt1', ESP_FOLDER]
  return `
for module in part_gpt part_msdos fat ext2 regexp loadenv test echo halt configfile password_pbkdf2; do
  insmod /usr/lib/grub/x86_64-emu/\${module}.mod
done
set pager=0
set kubenest_loaded=
function linux {
  set kubenest_loaded=
  if [ -f "\${1}" ]; then
    set kubenest_loaded=yes
    set kubenest_line="\${root} \${*}"
  fi
}
function initrd {
  if [ -n "\${kubenest_loaded}" -a -f "\${1}" ]; then
    for word in \${kubenest_line}; do
      echo "KUBENEST-WORD \${word}"
    done
    echo KUBENEST-BOOT
    halt
  fi
}
set root=hd0,${partition}
set prefix=(hd0,${partition})/${folder}
export root prefix kubenest_loaded kubenest_line
configfile \${prefix}/grub.cfg
halt
`
}
