// Choices from one stream of random numbers, in the words of scenarios.
import { createPrng } from '../fakes/prng.ts'

/** Draws; the same seed draws the same. */
export interface Dice {
  /** True with this probability. */
  chance(probability: number): boolean
  /** A whole number, both ends included. */
  between(least: number, most: number): number
  pick<const T>(choices: readonly [T, ...T[]]): T
}

/** Makes dice. */
export function createDice(seed: number): Dice {
  const next = createPrng(seed)
  // The first numbers of neighbouring seeds are alike.
  for (let index = 0; index < 8; index += 1) next()
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  return {
    chance: (probability) => next() < probability,
    between,
    pick: (choices) => choices[between(0, choices.length - 1)] ?? choices[0],
  }
}
