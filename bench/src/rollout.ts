// Bench 1: 300 nodes that need half a second each, 50 at once, so 3 s at best. Everything above
// that is our own time and the API server's.
import path from 'node:path'
import { startBenchLab } from './bench-lab.ts'
import { median, type Bench, type BenchContext, type Figure } from './figure.ts'
import { applyOs, createFleet, type NodeSize } from './fleet.ts'
import { NODE_WORK_MS, startInstantProxies } from './instant-proxies.ts'
import { startPod } from './pod.ts'

const NODES = 300
const CAP = 50
const RUNS = 3
const IDEAL_SECONDS = ((NODES / CAP) * NODE_WORK_MS) / 1000
const RATIO_MAX = 2

/** See the head of this file. */
export const rollout: Bench = {
  name: 'rollout',
  run: async (context) => [
    ...(await measure(context, 'plain', 'nodes without images', RATIO_MAX)),
    ...(await measure(context, 'realistic', 'nodes with 50 images each', undefined)),
  ],
}

async function measure(
  context: BenchContext,
  size: NodeSize,
  words: string,
  limit: number | undefined,
): Promise<Figure[]> {
  const runs: { seconds: number; most: number }[] = []
  for (let run = 0; run < RUNS; run += 1) {
    runs.push(await rollOut(context, size))
    context.say(`${words}, run ${run + 1}: ${runs.at(-1)?.seconds.toFixed(2)} s`)
  }
  const seconds = median(runs.map((each) => each.seconds))
  const most = Math.max(...runs.map((each) => each.most))
  const what = `Rollout of ${NODES} ${words}, cap ${CAP}`
  const limits = limit === undefined ? {} : { limit }
  return [
    { what, value: seconds, unit: 's' },
    { what: `${what}, against the ideal`, value: seconds / IDEAL_SECONDS, unit: 'x', ...limits },
    { what: `${what}, most at work at once`, value: most, unit: 'nodes', limit: CAP },
  ]
}

async function rollOut({ dist, folder }: BenchContext, size: NodeSize) {
  const lab = await startBenchLab(dist)
  try {
    await createFleet(lab.client, NODES, size)
    const operator = await startPod({ lab, program: path.join(dist, 'operator'), folder })
    await operator.said('Caches are filled')
    const proxies = await startInstantProxies(lab.client, 'v2')
    const startMs = performance.now()
    await applyOs(lab.client, 'v2', CAP)
    const endMs = await proxies.finished(NODES)
    await proxies.stop()
    await operator.stop()
    return { seconds: (endMs - startMs) / 1000, most: proxies.mostAtWork() }
  } finally {
    lab.stop()
  }
}
