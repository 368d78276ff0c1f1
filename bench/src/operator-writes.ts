// Counts what the operator writes in a rollout: the API server's own counters, less what the
// stand-ins of the proxies wrote.
import path from 'node:path'
import { startBenchLab, type BenchLab } from './bench-lab.ts'
import type { BenchContext } from './figure.ts'
import { applyOs, createFleet } from './fleet.ts'
import { PROXY_WRITES, startInstantProxies } from './instant-proxies.ts'
import { startPod } from './pod.ts'

const NODES = 100
const CAP = 50
/** The OS object. */
const OWN_WRITES = 1
const COUNTED = /^apiserver_request_total\{.*verb="(?:PATCH|PUT|POST|DELETE|APPLY)".*\} (\d+)$/
const RESOURCES = /resource="(?:nodes|os|osinstances|events|leases)"/
/** The last status of the OS object follows the last node. */
const SETTLE_MS = 3000

/** Writes per node. */
export async function countWrites({ dist, folder }: BenchContext): Promise<number> {
  const lab = await startBenchLab(dist)
  try {
    await createFleet(lab.client, NODES, 'plain')
    const operator = await startPod({ lab, program: path.join(dist, 'operator'), folder })
    await operator.said('Caches are filled')
    const proxies = await startInstantProxies(lab.client, 'v2')
    const before = await writes(lab)
    await applyOs(lab.client, 'v2', CAP)
    await proxies.finished(NODES)
    await Bun.sleep(SETTLE_MS)
    const total = (await writes(lab)) - before
    await proxies.stop()
    await operator.stop()
    return (total - OWN_WRITES - NODES * PROXY_WRITES) / NODES
  } finally {
    lab.stop()
  }
}

async function writes(lab: BenchLab): Promise<number> {
  const text = lab.kubectl(['get', '--raw', '/metrics'])
  return text
    .split('\n')
    .filter((line) => RESOURCES.test(line))
    .reduce((sum, line) => sum + Number(COUNTED.exec(line)?.[1] ?? 0), 0)
}
