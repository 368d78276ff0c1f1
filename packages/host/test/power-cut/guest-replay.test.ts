// below real file systems with the figures of a pull request (reliability 5.3).
// R-03 has its own at the port of writes (power-cut.test.ts); `make prove` runs all, and more.
import { describe } from 'bun:test'
import { describeReplay } from './replay-suite.ts'

const SLOT_MIB = 8

describe(`slots of ${SLOT_MIB} MiB`, () =>
  describeReplay({
    upgrade: 2000,
    others: 300,
    settings: 150,
    bad: 100,
    slotMib: SLOT_MIB,
    limitMs: 1_200_000,
  }))
