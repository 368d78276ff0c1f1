// The rules of R-08 on disks that are made for it: each must be found broken by itself.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { renderGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import type { DiskJudge } from '../disk-judge.ts'
import { makeGuestImage } from '../guest/guest-root.ts'
import { layoutOf, makeNodeDisk } from '../guest/node-disk.ts'
import { lookAtTree } from '../tree-look.ts'
import type { DiskEvent } from './faulty-disk.ts'
import { judgeErrors, stateOfDisk } from './judge-errors.ts'

const SLOT_MIB = 8
const LAYOUT = layoutOf(SLOT_MIB)
const IMAGE = new Uint8Array(SLOT_MIB * 1024 * 1024).fill(5)
const TELLING =
  '[host/device-failed] Cannot flush /dev/vda3: its disk failed (EIO); replace the disk'
const FAILED_FLUSH: DiskEvent = { kind: 'failed', request: 'flush', at: 0, length: 0, lost: 9 }
const FAILED_READ: DiskEvent = { kind: 'failed', request: 'read', at: 0, length: 4096, lost: 0 }
/** What it finds is tried elsewhere. */
const CONTENT: DiskJudge = {
  judge: () => Promise.resolve([]),
  judgeSelector: () => Promise.resolve([]),
  runs: () => ({ grub: 0, esp: 0, persist: 0 }),
}

// Real file systems, on a machine that does other things, too.
setDefaultTimeout(60_000)

let folder = ''

let media: { readonly armed: Uint8Array; readonly idle: Uint8Array }

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'judge-errors-'))
  media = { armed: await makeMedium({ next_entry: 'B' }), idle: await makeMedium({}) }
})
afterAll(() => fs.rm(folder, { recursive: true }))

async function makeMedium(variables: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const disk = path.join(folder, 'node.img')
  const environment = new Map([['saved_entry', 'A'], ...Object.entries(variables)] as const)
  await makeNodeDisk(disk, {
    slotMib: SLOT_MIB,
    slots: { A: IMAGE },
    boot: { grubenv: renderGrubEnvironment(environment) },
    persist: {},
  })
  return new Uint8Array(await fs.readFile(disk))
}

function mark(text: string): DiskEvent {
  return { kind: 'mark', text }
}

async function judge(
  armed: 'B' | undefined,
  events: readonly DiskEvent[],
  image: Uint8Array = IMAGE,
  tree = 'none',
): Promise<readonly string[]> {
  const medium = (armed === 'B' ? media.armed : media.idle).slice()
  medium.set(image, LAYOUT.B.start)
  const state = stateOfDisk('made', medium, LAYOUT)
  const digest = new Bun.CryptoHasher('sha256').update(IMAGE).digest('hex')
  const complete = { slots: new Set([digest]), tree }
  const verdict = await judgeErrors(CONTENT, state, events, complete, path.join(folder, 'tree'))
  return verdict.broken
}

const DONE = [mark('attempt 1'), mark('prepare_upgrade ok'), mark('upgrade ok')]

describe('judgeErrors()', () => {
  test('accepts a complete slot that is armed, and failures that did no harm', async () => {
    expect(await judge('B', DONE)).toEqual([])
    const [start = mark(''), ...answers] = DONE
    expect(await judge('B', [start, FAILED_READ, ...answers])).toEqual([])
    expect(
      await judge(undefined, [start, FAILED_FLUSH, mark(`upgrade refused ${TELLING}`)]),
    ).toEqual([])
  })

  test('finds an armed slot that is not complete', async () => {
    const other = IMAGE.slice()
    other[100_000] = 6
    expect(await judge('B', DONE, other)).toEqual(['A4: slot B is armed and is not complete'])
    expect(await judge(undefined, [], other)).toEqual([])
  })

  test('finds a success after a flush that failed, and not one of a later attempt', async () => {
    const [start = mark(''), prepared = mark(''), armed = mark('')] = DONE
    expect(await judge('B', [start, FAILED_FLUSH, prepared, armed])).toEqual([
      'A4: prepare_upgrade succeeded, and a flush had failed',
    ])
    expect(await judge('B', [start, prepared, FAILED_FLUSH, armed])).toEqual([
      'A4: upgrade succeeded, and a flush had failed',
    ])
    const refused = mark(`prepare_upgrade refused ${TELLING}`)
    expect(await judge('B', [start, FAILED_FLUSH, refused, prepared, armed])).toEqual([])
  })

  test('knows of a tar that unmounting brings out two superblocks, and nothing else', async () => {
    const image = await makeGuestImage(folder, 'v3', 8)
    const look = await lookAtTree(path.join(folder, 'tree'), image)
    const tree = typeof look === 'string' ? look : look.digest
    const [start = mark(''), prepared = mark(''), armed = mark('')] = DONE
    const flush = (lost: number) => ({ ...FAILED_FLUSH, lost })
    expect(await judge('B', [start, flush(4), prepared, armed], image, tree)).toEqual([])
    expect(await judge('B', [start, flush(5), prepared, armed], image, tree)).toEqual([
      'A4: prepare_upgrade succeeded, and a flush had failed',
    ])
    expect(await judge('B', [start, prepared, flush(0), armed], image, tree)).toEqual([
      'A4: upgrade succeeded, and a flush had failed',
    ])
    expect(await judge('B', [start, flush(0), prepared, armed])).toEqual([
      'A4: prepare_upgrade succeeded, and a flush had failed',
    ])
  })

  test('finds a slot that is armed although the caller was refused', async () => {
    const refused = mark(`upgrade refused ${TELLING}`)
    expect(await judge('B', [mark('prepare_upgrade ok'), FAILED_FLUSH, refused])).toEqual([
      'A4: slot B is armed, and the caller was refused',
    ])
    // Nor could it be taken back.
    const twice = [mark('prepare_upgrade ok'), FAILED_FLUSH, FAILED_FLUSH, refused]
    expect(await judge('B', twice)).toEqual([])
  })

  test('finds refusals that do not help', async () => {
    const faults = async (message: string) => {
      const broken = await judge(undefined, [mark(`prepare_upgrade refused ${message}`)])
      return broken.map((each) => /a refusal (.*?):/.exec(each)?.[1])
    }
    expect(await faults('[host/x] Cannot read /dev/vda3: EIO')).toEqual(['names no remedy'])
    expect(await faults('[host/x] Cannot read the slot; replace the disk')).toEqual([
      'names no device and no file',
    ])
    expect(await faults('[bug/x] Cannot read /dev/vda3; repeat')).toEqual(['is a bug of the agent'])
    expect(await faults('no answer: /run/x; y')).toEqual(['is no error of the agent'])
  })
})
