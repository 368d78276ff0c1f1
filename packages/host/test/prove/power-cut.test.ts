// with the long figures, divided over five sizes of slots (reliability 5.3).
import { describe } from 'bun:test'
import { describeReplay } from '../power-cut/replay-suite.ts'

const SLOTS_MIB = [6, 8, 12, 16, 24] as const
const share = (count: number) => Math.ceil(count / SLOTS_MIB.length)

for (const slotMib of SLOTS_MIB)
  describe(`slots of ${slotMib} MiB`, () =>
    describeReplay({
      upgrade: share(20_000),
      others: share(3_000),
      environment: share(500_000),
      settings: share(2_000),
      bad: 300,
      slotMib,
      limitMs: 7_200_000,
    }))
