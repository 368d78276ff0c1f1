// The disks that a real cut may leave, from a record of a few requests.
import { describe, expect, test } from 'bun:test'
import { lastPhase, statesAfterCut, stateOfEnd, type DiskState } from './disk-states.ts'
import type { BlockEntry } from './guest/block-log.ts'
import { SECTOR_BYTES, type Layout } from './guest/node-disk.ts'
import type { Recording } from './guest/record-boots.ts'

const SECTORS = 4
const LAYOUT: Layout = {
  esp: { start: 0, size: SECTORS * SECTOR_BYTES },
  A: { start: SECTORS * SECTOR_BYTES, size: 0 },
  B: { start: SECTORS * SECTOR_BYTES, size: 0 },
  persist: { start: SECTORS * SECTOR_BYTES, size: 0 },
}
const FLUSH = { kind: 'flush' } as const
const MARK = { kind: 'mark', text: 'upgrade' } as const

describe('statesAfterCut()', () => {
  test('keeps what was flushed and loses any part of the rest', () => {
    const recording = recordingOf([write(0, 1), FLUSH, write(0, 2), write(1, 3)])
    const states = [...statesAfterCut(recording, 30, 1)].map(sectorsIn)
    expect(states.slice(0, 2)).toEqual(['1000', '2300'])
    expect(new Set(states)).toEqual(new Set(['1000', '2300', '2000', '1300']))
  })

  test('takes a mark for no flush', () => {
    const [nothing] = statesAfterCut(recordingOf([FLUSH, write(0, 1), MARK, write(1, 2)]), 2, 1)
    expect(nothing === undefined ? '' : sectorsIn(nothing)).toBe('0000')
  })
})

test('stateOfEnd() has the key of the state with all requests', () => {
  const recording = recordingOf([write(0, 1), FLUSH, write(2, 2), write(2, 3)])
  const end = new Uint8Array(SECTORS * SECTOR_BYTES)
  end.fill(1, 0, SECTOR_BYTES).fill(3, 2 * SECTOR_BYTES, 3 * SECTOR_BYTES)
  const [nothing, all] = statesAfterCut(recording, 2, 1)
  const left = stateOfEnd({ ...recording, end })
  expect(sectorsIn(left)).toBe('1030')
  expect(left.key('esp')).toBe(all?.key('esp') ?? '')
  expect(left.key('esp')).not.toBe(nothing?.key('esp') ?? '')
})

test('lastPhase() is that of the last mark', () => {
  expect(lastPhase(recordingOf([FLUSH]))).toBe('boot')
  expect(lastPhase(recordingOf([{ ...MARK, text: 'trial' }, FLUSH, MARK, FLUSH]))).toBe('upgrade')
})

function write(sector: number, byte: number): BlockEntry {
  const data = new Uint8Array(SECTOR_BYTES).fill(byte)
  return { kind: 'write', sector, data, isForced: false }
}

function recordingOf(entries: readonly BlockEntry[]): Recording {
  const base = new Uint8Array(SECTORS * SECTOR_BYTES)
  return { name: 'test', layout: LAYOUT, base, entries, end: base, versions: new Map() }
}

/** The first byte of each sector. */
function sectorsIn(state: DiskState): string {
  return [...state.bytes('esp')].filter((_, at) => at % SECTOR_BYTES === 0).join('')
}
