// Bench 3, first part: a proxy on a node where nothing happens, as a pod.
import path from 'node:path'
import { startBenchLab } from './bench-lab.ts'
import type { Bench } from './figure.ts'
import { createFleet } from './fleet.ts'
import { startPod } from './pod.ts'
import { nodeName } from './realistic-node.ts'

const IDLE_MS = 30_000
const ANONYMOUS_MB_MAX = 5

/** See the head of this file. */
export const proxyMemory: Bench = {
  name: 'proxy-memory',
  async run({ dist, folder }) {
    const lab = await startBenchLab(dist)
    try {
      await createFleet(lab.client, 1, 'realistic')
      const env = { NODE_NAME: nodeName(0) }
      const proxy = await startPod({ lab, program: path.join(dist, 'proxy'), folder, env })
      await proxy.said('Proxy started')
      await Bun.sleep(IDLE_MS)
      const value = proxy.anonymousMb()
      await proxy.stop()
      return [{ what: 'Proxy idle, anonymous', value, limit: ANONYMOUS_MB_MAX, unit: 'MB' }]
    } finally {
      lab.stop()
    }
  },
}
