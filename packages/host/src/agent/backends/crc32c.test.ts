// The published check value of CRC-32C, without its final inversion.
import { expect, test } from 'bun:test'
import { crc32c } from './crc32c.ts'

test('crc32c() gives the check value of the digits 1 to 9', () => {
  const value = crc32c(new TextEncoder().encode('123456789'))
  expect((value ^ 0xffffffff) >>> 0).toBe(0xe3069283)
})
