// Bench 2: an operator that has nothing to do but to know 2,000 nodes, as a pod; and how often it
// writes while it upgrades some of them.
import path from 'node:path'
import { startBenchLab } from './bench-lab.ts'
import type { Bench, BenchContext, Figure } from './figure.ts'
import { createFleet } from './fleet.ts'
import { countWrites } from './operator-writes.ts'
import { startPod } from './pod.ts'

const NODES = 2000
const IDLE_MS = 30_000
const ANONYMOUS_MB_MAX = 12
const WRITES_MAX = 3

/** See the head of this file. */
export const operatorMemory: Bench = {
  name: 'operator-memory',
  run: async (context) => [
    ...(await measureIdle(context)),
    {
      what: 'API writes of the operator per node and upgrade',
      value: await countWrites(context),
      limit: WRITES_MAX,
      unit: 'writes',
    },
  ],
}

async function measureIdle({ dist, folder }: BenchContext): Promise<Figure[]> {
  const lab = await startBenchLab(dist)
  try {
    await createFleet(lab.client, NODES, 'realistic')
    const operator = await startPod({ lab, program: path.join(dist, 'operator'), folder })
    await operator.said('Caches are filled')
    await Bun.sleep(IDLE_MS)
    const value = operator.anonymousMb()
    const most = operator.mostAnonymousMb()
    await operator.stop()
    const what = `Operator with ${NODES} nodes of 50 images`
    return [
      { what: `${what}, idle, anonymous`, value, limit: ANONYMOUS_MB_MAX, unit: 'MB' },
      { what: `${what}, most while it lists, anonymous`, value: most, unit: 'MB' },
    ]
  } finally {
    lab.stop()
  }
}
