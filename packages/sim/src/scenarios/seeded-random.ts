// Back-offs of the product draw from Math.random: during a run it is the seed's stream, so that a
// seed repeats a run to the millisecond.
import { createPrng } from '../fakes/prng.ts'

/** Replaces Math.random; returns what puts the machine's own back. */
export function seededRandom(seed: number): () => void {
  const own = Math.random
  Math.random = createPrng(seed)
  return () => {
    Math.random = own
  }
}
