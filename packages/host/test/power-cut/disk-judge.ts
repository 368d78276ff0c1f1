// Is a whole disk legal after a power cut? The real GRUB decides what boots, real fsck repairs ESP
// and persist, the content of what boots must be complete, and journal, selector, menu and settings
// must be whole. One function per invariant of reliability section 3.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { isOsError } from '@kubenest/base/errors'
import { bootDisk, type GrubAnswer } from '../grub-oracle.ts'
import type { DiskState } from './disk-states.ts'
import { looksOfEsp, type EspLook } from './esp-look.ts'
import { readFatFolder } from './fat-reader.ts'
import { BOOT_FOLDER, REGIONS, type Layout } from './guest/node-disk.ts'
import { judgeJournal, judgeSavedEntry } from './judge-state.ts'
import { looksOfPersist, type PersistLook } from './persist-look.ts'
import { fileSystemId, lookAtTree, type TreeLook } from './tree-look.ts'

const HEAD_BYTES = 65_536

/** What a phase allows. */
export interface DiskRules {
  /** SHA-256 of complete contents of a slot, hex. */
  readonly complete: ReadonlySet<string>
  /** Slots whose present content has committed. */
  readonly committed: ReadonlySet<string>
  /** The node has not made its journal yet. */
  readonly mayLackJournal?: boolean
  /** What slot B must hold wherever its new file system has a kernel. */
  readonly treeOfB?: { readonly fileSystemId: string; readonly digest: string }
  /** Files of persist by path, and the digests that they may have; 'absent' for no file. */
  readonly persistFiles: Readonly<Record<string, ReadonlySet<string>>>
  /** The same for files of the boot folder. */
  readonly bootFiles: Readonly<Record<string, ReadonlySet<string>>>
}

export interface DiskJudge {
  /** Sentences about what is broken; empty for a legal state. */
  judge(state: DiskState, rules: DiskRules): Promise<string[]>
  /**
   * The same for states that differ on the ESP only, and quickly: the boot folder is read in this
   * process, and GRUB is asked once for each content of it.
   */
  judgeSelector(state: DiskState, rules: DiskRules): Promise<string[]>
  /** How many different questions were given to GRUB, and to fsck. */
  readonly runs: () => { readonly grub: number; readonly esp: number; readonly persist: number }
}

/** A judge that works in this folder, which should be in memory. */
export async function createDiskJudge(
  folder: string,
  base: Uint8Array,
  layout: Layout,
  grubLimitMs?: number,
): Promise<DiskJudge> {
  await fs.mkdir(folder, { recursive: true })
  const disk = path.join(folder, 'disk.img')
  await fs.writeFile(disk, base)
  const esp = looksOfEsp(path.join(folder, 'esp'))
  const persist = looksOfPersist(path.join(folder, 'persist'))
  const boots = bootsOf(layout, () => bootOnce(folder, disk, grubLimitMs), disk)
  const trees = treesOf(path.join(folder, 'tree'))
  const digests = new Map<string, string>()

  function digestOf(state: DiskState, slot: 'A' | 'B'): string {
    const known = digests.get(state.key(slot))
    if (known !== undefined) return known
    const digest = new Bun.CryptoHasher('sha256').update(state.bytes(slot)).digest('hex')
    digests.set(state.key(slot), digest)
    return digest
  }

  return {
    runs: () => ({ grub: boots.runs(), esp: esp.runs(), persist: persist.runs() }),
    async judge(state, rules) {
      const onEsp = await esp.look(state)
      const onPersist = await persist.look(state, Object.keys(rules.persistFiles))
      return [
        ...judgeBoots(await boots.ask(state), rules, (slot) => digestOf(state, slot)),
        ...judgeEsp(onEsp, rules),
        ...judgePersist(onPersist, rules),
        ...judgeSelector(onEsp.files.get('grubenv'), onPersist.journal, rules),
        ...(await trees.judge(state, rules.treeOfB)),
        ...compareReaders(state, onEsp),
      ]
    },
    async judgeSelector(state, rules) {
      const files = readBootFolder(state)
      const key = `files ${contentKey(files)}`
      return [
        ...judgeBoots(await boots.ask(state, key), rules, (slot) => digestOf(state, slot)),
        ...judgeSavedEntry(files.get('grubenv'), rules.committed),
      ]
    },
  }
}

/** I1, I9: a complete slot boots without a person; after a trial the saved one does. */
function judgeBoots(
  boots: readonly GrubBoot[],
  rules: DiskRules,
  digestOf: (slot: 'A' | 'B') => string,
): string[] {
  const broken: string[] = []
  for (const [at, boot] of boots.entries()) {
    const which = at === 0 ? 'first' : 'second'
    if (boot.slot === 'none') broken.push(`I1: nothing boots (${which} boot)`)
    else if (!rules.complete.has(digestOf(boot.slot)))
      broken.push(`I1: slot ${boot.slot} boots and is not complete (${which} boot)`)
    if (at === 1 && boot.isTrial) broken.push('I9: a trial boots twice')
  }
  return broken
}

function judgeEsp(look: EspLook, rules: DiskRules): string[] {
  const broken = look.isRepairable ? [] : [`ESP: fsck does not repair it: ${look.complaint}`]
  for (const [name, allowed] of Object.entries(rules.bootFiles))
    if (!allowed.has(look.digestOf(name))) broken.push(`ESP: ${name} is neither old nor new`)
  return broken
}

function judgePersist(look: PersistLook, rules: DiskRules): string[] {
  const broken = look.isRepairable ? [] : [`persist: fsck does not repair it: ${look.complaint}`]
  for (const [name, allowed] of Object.entries(rules.persistFiles))
    if (!allowed.has(look.digestOf(name))) broken.push(`I13: ${name} is neither old nor new`)
  return broken
}

/** I2, I6, I14, I22. */
function judgeSelector(
  environment: Uint8Array | undefined,
  journal: Uint8Array | undefined,
  rules: DiskRules,
): string[] {
  const mayLack = rules.mayLackJournal === true && (journal === undefined || isBlank(journal))
  return [
    ...judgeSavedEntry(environment, rules.committed),
    ...(mayLack ? [] : judgeJournal(journal, environment)),
  ]
}

/** A reader of our own proves nothing until it reads what mtools read. */
function compareReaders(state: DiskState, look: EspLook): string[] {
  return contentKey(readBootFolder(state, 'mtools')) === contentKey(look.files)
    ? []
    : ['judge: mtools and the reader of this judge see different files']
}

function readBootFolder(
  state: DiskState,
  reader: 'boot-loader' | 'mtools' = 'boot-loader',
): Map<string, Uint8Array> {
  return readFatFolder((at, length) => state.read('esp', at, length), BOOT_FOLDER, reader)
}

function contentKey(files: ReadonlyMap<string, Uint8Array>): string {
  const hasher = new Bun.CryptoHasher('sha256')
  for (const name of [...files.keys()].sort())
    hasher.update(`${name} `).update(files.get(name) ?? new Uint8Array(0))
  return hasher.digest('hex')
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

/** "Kernel name last": a file system that was made for the tar is complete once it has a kernel. */
function treesOf(folder: string) {
  const looks = new Map<string, Promise<TreeLook>>()
  return {
    async judge(state: DiskState, wanted: DiskRules['treeOfB']): Promise<string[]> {
      const head = state.read('B', 0, HEAD_BYTES)
      if (wanted === undefined || fileSystemId(head) !== wanted.fileSystemId) return []
      const known = looks.get(state.key('B'))
      const look = known ?? lookAtTree(folder, state.bytes('B'))
      looks.set(state.key('B'), look)
      const found = await look
      if (found === 'no-kernel') return []
      if (found === 'not-repairable') return ['tar: slot B has a kernel and fsck gives up']
      return found.digest === wanted.digest
        ? []
        : ['tar: slot B has a kernel and not everything else']
    },
  }
}

interface GrubBoot {
  readonly slot: GrubAnswer['slot']
  readonly isTrial: boolean
}

/** The next boot, and the one after it when that is a trial. */
function bootsOf(layout: Layout, bootOnce: () => Promise<GrubBoot>, disk: string) {
  const answers = new Map<string, Promise<readonly GrubBoot[]>>()
  const present = new Map<string, string>()
  const views = new Map<string, string>()
  let runs = 0

  /** Without its first 64 KiB a slot holds no file system, whatever follows them. */
  function viewOf(state: DiskState, slot: 'A' | 'B'): string {
    const key = state.key(slot)
    const known = views.get(key)
    if (known !== undefined) return known
    const view = isBlank(state.bytes(slot).subarray(0, HEAD_BYTES)) ? 'blank' : key
    views.set(key, view)
    return view
  }

  async function write(state: DiskState): Promise<void> {
    const handle = await fs.open(disk, 'r+')
    try {
      for (const region of REGIONS) {
        // GRUB looks for nothing on persist; it writes to the ESP, which so is never up to date.
        if (region === 'persist') continue
        if (region !== 'esp' && present.get(region) === state.key(region)) continue
        const bytes = state.bytes(region)
        await handle.write(bytes, 0, bytes.length, layout[region].start)
        present.set(region, state.key(region))
      }
    } finally {
      await handle.close()
    }
  }

  async function boot(state: DiskState): Promise<readonly GrubBoot[]> {
    runs += 1
    await write(state)
    const first = await bootOnce()
    return first.isTrial ? [first, await bootOnce()] : [first]
  }

  return {
    runs: () => runs,
    ask(state: DiskState, espKey = state.key('esp')): Promise<readonly GrubBoot[]> {
      const key = `${espKey} ${viewOf(state, 'A')} ${viewOf(state, 'B')}`
      const known = answers.get(key)
      if (known !== undefined) return known
      const answer = boot(state)
      answers.set(key, answer)
      return answer
    },
  }
}

async function bootOnce(folder: string, disk: string, limitMs?: number): Promise<GrubBoot> {
  try {
    const options = limitMs === undefined ? {} : { limitMs }
    const { slot, kernelArguments } = await bootDisk(path.join(folder, 'grub'), disk, options)
    return { slot, isTrial: kernelArguments.includes('kubenest.trial=1') }
  } catch (error) {
    if (!isOsError(error) || error.code !== 'command-timed-out') throw error
    // It waits for a person.
    return { slot: 'none', isTrial: false }
  }
}
