// Random numbers from a seed, so that a failing run can be repeated.

/**
 * Numbers from 0 up to 1; the same seed gives the same series (xorshift with 32 bits, after a
 * mixing step).
 */
export function createPrng(seed: number): () => number {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0
  if (state === 0) state = 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 0x1_0000_0000
  }
}
