// Records what the shipped agent writes over four boots of the micro guest: upgrade; trial, commit
// and rollback; trial of the rollback and a tar; a node with a foreign menu, settings and the
// known-bad orders. Between two boots the real GRUB decides, on the same disk.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { renderGrubConfig } from '@kubenest/provision/boot/grub-config'
import { renderGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { FOREIGN_MENU } from '../../foreign-menu.ts'
import { bootDisk } from '../../grub-oracle.ts'
import { parseBlockLog, type BlockEntry } from './block-log.ts'
import { makeGuestImage, makeGuestTar } from './guest-root.ts'
import { makeInitramfs } from './initramfs.ts'
import { microKernel } from './micro-kernel.ts'
import { layoutOf, makeNodeDisk, PARTUUIDS, type Layout } from './node-disk.ts'
import { runGuest, type FileVersions, type GuestBoot } from './run-guest.ts'
import { SETTING_CASES } from './setting-cases.ts'
import { makeToolsDisk } from './tools-disk.ts'

const BOOT_LIMIT_MS = 1_200_000
/** What GRUB gives the first boot of a disk that was just made. */
export const SLOT_A_ARGUMENTS = [`root=PARTUUID=${PARTUUIDS.A}`] as const
const HEALTH = `[timings]
least_uptime_seconds = 0
wanted_wait_seconds = 0
look_interval_seconds = 0.1
[required]
units_if_enabled = []
`
/** A file of the user's on persist, which every state must keep. */
export const KEPT_FILE = '/keep/data'
export const KEPT_TEXT = 'kept '.repeat(20_000)

/** One boot: the disk as it began, every write after it, and the disk as it ended. */
export interface Recording {
  readonly name: string
  readonly layout: Layout
  readonly base: Uint8Array
  readonly entries: readonly BlockEntry[]
  readonly end: Uint8Array
  readonly versions: FileVersions
}

export interface GuestParts {
  readonly folder: string
  readonly kernel: string
  readonly initramfs: string
  readonly tools: string
  readonly v1: Uint8Array
  readonly v2: Uint8Array
  readonly slotMib: number
}

/** What all boots share: kernel, agent, images. */
export async function prepareGuest(folder: string, slotMib: number): Promise<GuestParts> {
  const kernel = await microKernel()
  const initramfs = path.join(folder, 'initramfs')
  await fs.writeFile(initramfs, await makeInitramfs(kernel.modules))
  const v1 = await makeGuestImage(folder, 'v1', slotMib)
  const v2 = await makeGuestImage(folder, 'v2', slotMib)
  const abandoned = await makeGuestImage(folder, 'v9', slotMib)
  const images = { 'v2.img': v2, 'v9.img': abandoned, 'v3.tar': await makeGuestTar(folder, 'v3') }
  const tools = await makeToolsDisk(folder, images)
  return { folder, kernel: kernel.image, initramfs, tools, v1, v2, slotMib }
}

/** The disk of a node that runs v1 from slot A and has never had an agent. */
export async function makeFreshDisk(
  parts: GuestParts,
  disk: string,
  other: { readonly B?: Uint8Array } = {},
): Promise<void> {
  await makeNodeDisk(disk, {
    slotMib: parts.slotMib,
    slots: { A: parts.v1, ...other },
    boot: bootFiles(ownMenu()),
    persist: persistFiles(),
  })
}

/** Upgrade, commit and rollback of one node. */
export async function recordUpgrade(parts: GuestParts): Promise<Recording[]> {
  const disk = path.join(parts.folder, 'node.img')
  await makeFreshDisk(parts, disk)
  const upgrade = await record(parts, disk, 'upgrade', SLOT_A_ARGUMENTS)
  const commit = await record(parts, disk, 'commit', await nextBoot(parts, disk, 'B'))
  const rollBack = await record(parts, disk, 'roll-back', await nextBoot(parts, disk, 'A'))
  return [upgrade, commit, rollBack]
}

/** A node whose menu somebody else made. */
export async function recordRetrofit(parts: GuestParts): Promise<Recording> {
  const disk = path.join(parts.folder, 'foreign.img')
  await makeNodeDisk(disk, {
    slotMib: parts.slotMib,
    slots: { A: parts.v1, B: parts.v1 },
    boot: bootFiles(FOREIGN_MENU),
    persist: persistFiles(),
  })
  return record(parts, disk, 'retrofit', SLOT_A_ARGUMENTS)
}

/** How this disk is booted. */
export function bootOf(
  { folder, kernel, initramfs, tools }: GuestParts,
  disk: string,
  scenario: string,
  kernelArguments: readonly string[],
): GuestBoot {
  const [log, screen] = [path.join(folder, 'log'), path.join(folder, `${scenario}.console`)]
  const files = { kernel, initramfs, tools, disk, log, console: screen }
  return { ...files, kernelArguments, scenario, limitMs: BOOT_LIMIT_MS }
}

async function record(
  parts: GuestParts,
  disk: string,
  scenario: string,
  kernelArguments: readonly string[],
): Promise<Recording> {
  const boot = bootOf(parts, disk, scenario, kernelArguments)
  const base = new Uint8Array(await fs.readFile(disk))
  const versions = await runGuest(boot)
  const entries = parseBlockLog(new Uint8Array(await fs.readFile(boot.log)))
  const end = new Uint8Array(await fs.readFile(disk))
  return { name: scenario, layout: layoutOf(parts.slotMib), base, entries, end, versions }
}

/** The real GRUB decides, and clears `next_entry` on the disk. */
async function nextBoot(parts: GuestParts, disk: string, wanted: 'A' | 'B') {
  const decision = await bootDisk(path.join(parts.folder, 'next-boot'), disk)
  if (decision.slot !== wanted || !decision.kernelArguments.includes('kubenest.trial=1'))
    throw new Error(`GRUB boots ${decision.slot}, not a trial of ${wanted}: ${decision.screen}`)
  return decision.kernelArguments
}

function ownMenu(): string {
  return renderGrubConfig({
    partuuidA: PARTUUIDS.A,
    partuuidB: PARTUUIDS.B,
    menuTimeoutSeconds: 0,
  })
}

function bootFiles(menu: string) {
  return { 'grub.cfg': menu, grubenv: renderGrubEnvironment(new Map([['saved_entry', 'A']])) }
}

function persistFiles(): Record<string, string> {
  const settings = SETTING_CASES.flatMap(({ file, before }) =>
    file !== undefined && before !== undefined ? [[file.slice(1), before]] : [],
  )
  return {
    'etc/os-release': 'PRETTY_NAME="v1"\n',
    'etc/kubenest/health.toml': HEALTH,
    [KEPT_FILE.slice(1)]: KEPT_TEXT,
    ...Object.fromEntries(settings),
  }
}
