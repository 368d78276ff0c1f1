// A record of writes as QEMU leaves it: counted, cut off, and with a request missing.
import { describe, expect, test } from 'bun:test'
import { HoleInRecord, parseBlockLog } from './block-log.ts'

const BLOCK_BYTES = 512
const MAGIC = 0x6a736677736872n

describe('parseBlockLog()', () => {
  test('reads as many entries as were counted', () => {
    expect(sectorsIn(parseBlockLog(logOf(1, [request(8), request(16)])))).toEqual([8])
  })

  test('reads what follows the last count of a record that was cut off', () => {
    const log = logOf(1, [request(8), request(16), new Uint8Array(4 * BLOCK_BYTES)])
    expect(sectorsIn(parseBlockLog(log, true))).toEqual([8, 16])
    const torn = logOf(1, [request(8), request(16).subarray(0, BLOCK_BYTES + 100)])
    expect(sectorsIn(parseBlockLog(torn, true))).toEqual([8])
  })

  test('refuses a record that was cut off and lacks a request in the middle', () => {
    const log = logOf(1, [request(8), new Uint8Array(2 * BLOCK_BYTES), request(16)])
    expect(() => parseBlockLog(log, true)).toThrow(HoleInRecord)
  })
})

function sectorsIn(entries: ReturnType<typeof parseBlockLog>): number[] {
  return entries.flatMap((entry) => (entry.kind === 'write' ? [entry.sector] : []))
}

function logOf(count: number, parts: readonly Uint8Array[]): Uint8Array {
  const head = new Uint8Array(BLOCK_BYTES)
  const view = new DataView(head.buffer)
  view.setBigUint64(0, MAGIC, true)
  view.setBigUint64(16, BigInt(count), true)
  view.setUint32(24, BLOCK_BYTES, true)
  return new Uint8Array(Buffer.concat([head, ...parts]))
}

function request(sector: number): Uint8Array {
  const bytes = new Uint8Array(2 * BLOCK_BYTES)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(sector), true)
  view.setBigUint64(8, 1n, true)
  return bytes.fill(0xaa, BLOCK_BYTES)
}
