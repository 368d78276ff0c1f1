// Damage as a medium does it: one bit, or 4 KiB at once, at a place that the seed chooses.

const BLOCK_BYTES = 4096

export interface Rot {
  readonly bytes: Uint8Array
  /** What was damaged, to do it again. */
  readonly what: string
}

/** A damaged copy. */
export function rot(sound: Uint8Array, random: () => number): Rot {
  const bytes = sound.slice()
  const at = Math.floor(random() * bytes.length)
  if (random() < 0.5) {
    const bit = Math.floor(random() * 8)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
    return { bytes, what: `bit ${bit} of byte ${at}` }
  }
  const start = at - (at % BLOCK_BYTES)
  const end = Math.min(start + BLOCK_BYTES, bytes.length)
  for (let position = start; position < end; position += 1)
    bytes[position] = Math.floor(random() * 256)
  return { bytes, what: `block at ${start}` }
}
