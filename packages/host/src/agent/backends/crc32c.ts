// CRC-32C (Castagnoli) as ext4 uses it: seeded with all ones and not inverted at the end.
const TABLE = makeTable()

/** The checksum of these bytes. */
export function crc32c(bytes: Uint8Array, seed = 0xffffffff): number {
  let crc = seed
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
  return crc >>> 0
}

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index
    for (let bit = 0; bit < 8; bit += 1)
      value = (value & 1) === 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
    return value >>> 0
  })
}
