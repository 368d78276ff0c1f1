// The model of a disk that R-08 rests on: what a cut leaves, and what a failed flush loses.
import { describe, expect, test } from 'bun:test'
import { MARK_SECTOR, MARK_WORD } from '../guest/block-log.ts'
import { SECTOR_BYTES } from '../guest/node-disk.ts'
import { faultPlan, NO_FAULTS, oneFlushPlan, type FaultPlan } from './fault-plan.ts'
import { createFaultyDisk, MARKS, ORDER_WORD, type FaultyDisk } from './faulty-disk.ts'

const SECTORS = 2048
const AT = 1500 * SECTOR_BYTES
const DATA = new Uint8Array(64 * SECTOR_BYTES).fill(7)
const ALWAYS = { ...NO_FAULTS, seed: 1, rate: 1 } as const

function makeDisk(plan: FaultPlan): FaultyDisk {
  return createFaultyDisk(new Uint8Array(SECTORS * SECTOR_BYTES), plan)
}

function mark(disk: FaultyDisk, text: string): boolean {
  const sector = new Uint8Array(SECTOR_BYTES)
  sector.set(new TextEncoder().encode(`${MARK_WORD}${text}`))
  return disk.write(MARK_SECTOR * SECTOR_BYTES, sector)
}

/** How many sectors of the data a medium has. */
function sectorsOn(bytes: Uint8Array | undefined, value = 7): number {
  let count = 0
  for (let sector = 0; sector < DATA.length / SECTOR_BYTES; sector += 1)
    if (bytes?.[AT + sector * SECTOR_BYTES] === value) count += 1
  return count
}

function all(disk: FaultyDisk): Uint8Array | undefined {
  return disk.read(0, disk.sizeBytes)
}

describe('createFaultyDisk()', () => {
  test('keeps what was flushed, and a part of what was not', () => {
    const flushed = makeDisk(NO_FAULTS)
    flushed.write(AT, DATA)
    expect(flushed.flush()).toBe(true)
    expect(sectorsOn(flushed.cut())).toBe(64)
    const cached = makeDisk(NO_FAULTS)
    cached.write(AT, DATA)
    expect(sectorsOn(all(cached))).toBe(64)
    const left = sectorsOn(cached.cut())
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThan(64)
  })

  test('keeps both sectors of a piece, or none', () => {
    const disk = makeDisk(NO_FAULTS)
    disk.write(AT, DATA)
    const medium = disk.cut()
    for (let at = AT; at < AT + DATA.length; at += 2 * SECTOR_BYTES)
      expect(medium[at]).toBe(medium[at + SECTOR_BYTES])
  })

  test('fails nothing before the mark and after its end', () => {
    const disk = makeDisk({ ...ALWAYS, kinds: new Set(['read', 'write', 'flush']) })
    expect([disk.write(AT, DATA), disk.flush(), all(disk) !== undefined]).toEqual([
      true,
      true,
      true,
    ])
    expect(mark(disk, MARKS.begin)).toBe(true)
    expect([disk.write(AT, DATA), disk.flush(), all(disk)]).toEqual([false, false, undefined])
    mark(disk, MARKS.end)
    expect([disk.write(AT, DATA), disk.flush()]).toEqual([true, true])
    expect(
      disk.events.map((event) => (event.kind === 'mark' ? event.text : event.request)),
    ).toEqual([MARKS.begin, 'write', 'flush', 'read', MARKS.end])
  })

  test('loses for good what a failed flush was to bring out, seen by readers or not', () => {
    const seen = new Set<boolean>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const disk = makeDisk({ ...ALWAYS, seed, kinds: new Set(['flush']) })
      mark(disk, MARKS.begin)
      disk.write(AT, DATA)
      expect(disk.flush()).toBe(false)
      mark(disk, MARKS.end)
      expect(disk.flush()).toBe(true)
      seen.add(sectorsOn(all(disk)) === 64)
      const left = sectorsOn(disk.cut())
      expect(left).toBeGreaterThan(0)
      expect(left).toBeLessThan(64)
    }
    expect(seen).toEqual(new Set([false, true]))
  })

  test('has what is written again after it was lost, and nobody reads the lost any more', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const disk = makeDisk({ ...ALWAYS, seed, kinds: new Set(['flush']) })
      mark(disk, MARKS.begin)
      disk.write(AT, DATA)
      disk.flush()
      mark(disk, MARKS.end)
      disk.write(AT, new Uint8Array(DATA.length).fill(9))
      disk.flush()
      expect(sectorsOn(all(disk), 9)).toBe(64)
      expect(sectorsOn(disk.cut(), 9)).toBe(64)
    }
  })

  test('fails exactly the flush that the plan names, and tells how much it lost', () => {
    const disk = makeDisk(oneFlushPlan(1, 2))
    expect(disk.flush()).toBe(true)
    mark(disk, MARKS.begin)
    expect([disk.flush(), disk.write(AT, DATA)]).toEqual([true, true])
    expect([disk.flush(), disk.flush(), disk.flushes()]).toEqual([false, true, 3])
    const [lost] = disk.events.flatMap((event) => (event.kind === 'failed' ? [event.lost] : []))
    expect(sectorsOn(disk.cut())).toBe(64 - (lost ?? 0))
    expect(lost).toBeGreaterThan(0)
  })

  test('takes nothing once the power is gone', async () => {
    const disk = makeDisk(NO_FAULTS)
    mark(disk, MARKS.cut)
    await disk.cutAsked
    expect([disk.write(AT, DATA), disk.flush()]).toEqual([false, false])
    expect(sectorsOn(disk.cut())).toBe(0)
  })

  test('gives an order in the place of the marks, and says when the guest waits for it', async () => {
    const plan = { ...ALWAYS, kinds: new Set(['read'] as const) }
    const disk = createFaultyDisk(new Uint8Array(SECTORS * SECTOR_BYTES), plan, 'go on')
    mark(disk, MARKS.ready)
    await disk.isReady
    mark(disk, MARKS.begin)
    const text = new TextDecoder().decode(disk.read(MARK_SECTOR * SECTOR_BYTES, 4096))
    expect(text.slice(0, text.indexOf('\0'))).toBe(`${ORDER_WORD}go on`)
    expect(disk.read(AT, SECTOR_BYTES)).toBeUndefined()
  })

  test('fails the same requests for the same seed', () => {
    const failures = (seed: number) => {
      const disk = makeDisk({ ...faultPlan(seed), kinds: new Set(['write']), rate: 0.05 })
      mark(disk, MARKS.begin)
      for (let count = 0; count < 200; count += 1) disk.write(AT, DATA)
      return disk.events.length
    }
    expect(failures(3)).toBe(failures(3))
    expect(failures(3)).toBeGreaterThan(2)
    expect(failures(3)).toBeLessThan(40)
  })
})

describe('faultPlan()', () => {
  test('stays between 0.1 and 5 percent, and uses every mix of kinds', () => {
    const plans = Array.from({ length: 200 }, (_, seed) => faultPlan(seed))
    for (const { rate, kinds } of plans) {
      expect(rate).toBeGreaterThanOrEqual(0.001)
      expect(rate).toBeLessThanOrEqual(0.05)
      expect(kinds.size).toBeGreaterThan(0)
    }
    expect(new Set(plans.map(({ kinds }) => [...kinds].sort().join())).size).toBe(7)
  })
})
