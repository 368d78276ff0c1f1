// A node of the simulation: its disk, its images, what runs. The shipped engine works on it.
import { OsError } from '@kubenest/base/errors'
import type { Clock } from '@kubenest/base/clock'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { renderGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { createUpdateEngine, type UpdateEngineDeps } from '../../../src/agent/update/engine.ts'
import type { SlotName } from '../../../src/agent/update/journal-state.ts'
import type { UpdateEngine } from '../../../src/agent/update/update-engine.ts'
import type { RawFiles } from '../../../src/linux/raw-file.ts'
import { useDisk } from './current-disk.ts'
import type { Life } from './life.ts'
import { slotPath } from './sim-backend.ts'
import { createSimDisk, type SimDisk } from './sim-disk.ts'
import { contentOfImage, SECTOR_BYTES, SLOT_BYTES, type SimImage } from './sim-images.ts'

export const BOOT = '/boot/efi/EFI/openEuler'
export const OTHERS = '/persist/data-of-others'
const FACTORY: SimImage = { id: 1, behaviour: 'good', hasUnits: true }

export interface SimNode {
  readonly disk: SimDisk
  /** What runs now. */
  life: Life
  readonly random: () => number
  readonly images: Map<number, SimImage>
  readonly deps: UpdateEngineDeps
  engine: UpdateEngine
  booted: SlotName
  bootNumber: number
  /** This boot came from next_entry. */
  isTrialBoot: boolean
  /** What the cluster says in this boot. */
  saysNotReady: boolean
  rebootAsked: boolean
  /** The image that the source gives; its bytes may be another's. */
  served: { readonly bytesOf: number }
  clockMs: number
  /** Grows with each write to a slot. */
  readonly contents: Record<SlotName, number>
  /** Contents that have committed: slot and number. */
  readonly committed: Set<string>
  /** Those of which it is durable. */
  readonly committedForGood: Set<string>
  /** Slots whose bits have flipped since they were written. */
  readonly rotten: Set<SlotName>
  /** Boots of an armed operation. */
  readonly trialBoots: Map<string, number>
  /** Fallbacks of an image, and further trials that a person has allowed. */
  readonly failures: Map<number, number>
  readonly allowed: Map<number, number>
  readonly broken: string[]
  readonly story: string[]
}

/** Makes a node that runs image 1 in slot A. */
export function createSimNode(random: () => number): SimNode {
  const disk = createSimDisk()
  useDisk(disk)
  plantFactory(disk)
  const node: Omit<SimNode, 'deps' | 'engine'> & {
    deps?: UpdateEngineDeps
    engine?: UpdateEngine
  } = {
    disk,
    life: { isOver: false },
    random,
    images: new Map([[FACTORY.id, FACTORY]]),
    booted: 'A',
    bootNumber: 0,
    isTrialBoot: false,
    saysNotReady: false,
    rebootAsked: false,
    served: { bytesOf: 0 },
    clockMs: 0,
    contents: { A: 1, B: 0 },
    committed: new Set(['A1']),
    committedForGood: new Set(['A1']),
    rotten: new Set(),
    trialBoots: new Map(),
    failures: new Map(),
    allowed: new Map(),
    broken: [],
    story: [],
  }
  const deps = depsOf(node as SimNode)
  return Object.assign(node, { deps, engine: createUpdateEngine(deps) })
}

function plantFactory(disk: SimDisk): void {
  disk.plant(slotPath('A'), contentOfImage(FACTORY.id))
  disk.plant(slotPath('B'), new Uint8Array(SLOT_BYTES))
  disk.plant(`${BOOT}/grub.cfg`, 'function kubenest_slot {}\n')
  disk.plant(`${BOOT}/grubenv`, renderGrubEnvironment(new Map([['saved_entry', 'A']])))
  disk.plant(OTHERS, 'data')
}

function depsOf(node: SimNode): UpdateEngineDeps {
  return {
    sysroot: createSysRoot('/'),
    clock: clockOf(node),
    log: silentLogger,
    exec: { run: async () => ({ exitCode: 1, stdout: '', stderr: '' }) },
    rawFiles: rawFilesOf(node.disk),
    architecture: 'x86_64',
    stop: new AbortController().signal,
    reboot: async () => {
      node.rebootAsked = true
    },
    source: {
      open: async () => ({ sizeBytes: SLOT_BYTES, bytes: sectorsOf(node.served.bytesOf) }),
    },
  }
}

async function* sectorsOf(id: number): AsyncGenerator<Uint8Array> {
  const content = contentOfImage(id)
  for (let at = 0; at < content.length; at += SECTOR_BYTES)
    yield content.subarray(at, at + SECTOR_BYTES)
}

function clockOf(node: SimNode): Clock {
  return {
    nowMs: () => 1_700_000_000_000 + node.clockMs,
    monotonicMs: () => node.clockMs,
    async sleep(delayMs, signal) {
      await node.disk.pass()
      if (signal?.aborted === true) throw signal.reason
      node.clockMs += delayMs
    },
    schedule: () => () => undefined,
  }
}

/** The port of all durable bytes, on the disk in memory. */
function rawFilesOf(disk: SimDisk): RawFiles {
  return {
    async open(path, { create = false }) {
      if (disk.present(path) === undefined) {
        if (!create) throw failed('open', path, new Error('ENOENT'))
        await disk.create(path, new Uint8Array(0))
      }
      return {
        async read(buffer, position) {
          await disk.pass()
          const there = (disk.present(path) ?? new Uint8Array(0)).subarray(position)
          const taken = there.subarray(0, buffer.length)
          buffer.set(taken)
          return taken.length
        },
        write: (bytes, position) =>
          disk.write(path, bytes, position).catch((cause: unknown) => {
            throw failed('write', path, cause)
          }),
        sync: () =>
          disk.sync(path).catch((cause: unknown) => {
            throw failed('flush', path, cause)
          }),
        close: async () => undefined,
      }
    },
  }
}

function failed(verb: string, path: string, cause: unknown): OsError {
  const message = `Cannot ${verb} ${path}: ${String(cause)}`
  return new OsError('host', { code: 'device-failed', message, cause })
}
