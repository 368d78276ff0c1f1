// Bench 5: the operator in the 30 MiB of the documented manifest, with 2,000 nodes: it starts,
// lists, rolls out to some of them and is not killed.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import path from 'node:path'
import { startBenchLab } from './bench-lab.ts'
import type { Bench, BenchContext, Figure } from './figure.ts'
import { applyOs, createFleet } from './fleet.ts'
import { startInstantProxies } from './instant-proxies.ts'
import { makeMemoryCgroup, setReadAhead } from './memory-cgroup.ts'
import { startPod } from './pod.ts'

const NODES = 2000
const ROLLED_OUT = 300
const CAP = 50
const LIMIT_BYTES = 30 * 1024 * 1024
const READ_AHEAD_KIB = 128

/** See the head of this file. */
export const smallPod: Bench = {
  name: 'small-pod',
  async run(context) {
    const lab = await startBenchLab(context.dist)
    // A copy of its own: pages of a file that others run are charged to them.
    const program = copyProgram(context)
    const restore = setReadAhead(program, READ_AHEAD_KIB)
    const cgroup = makeMemoryCgroup(LIMIT_BYTES)
    try {
      await createFleet(lab.client, NODES, 'realistic')
      const { folder } = context
      const startMs = performance.now()
      const operator = await startPod({ lab, program, folder, cgroup: cgroup.folder })
      await operator.said('Caches are filled')
      const listedMs = performance.now()
      const proxies = await startInstantProxies(lab.client, 'v2')
      await applyOs(lab.client, 'v2', CAP)
      const doneMs = await proxies.finished(ROLLED_OUT)
      await proxies.stop()
      const isAlive = !operator.hasExited()
      await operator.stop()
      const kills = cgroup.killed() + (isAlive ? 0 : 1)
      const seconds = { listed: (listedMs - startMs) / 1000, done: (doneMs - listedMs) / 1000 }
      return figures(kills, seconds, operator.mostAnonymousMb())
    } finally {
      cgroup.remove()
      restore()
      lab.stop()
    }
  },
}

function figures(
  kills: number,
  seconds: { listed: number; done: number },
  anonymousMb: number,
): Figure[] {
  const what = `Operator in 30 MiB with ${NODES} nodes`
  return [
    { what: `${what}, killed`, value: kills, limit: 0, unit: 'times' },
    { what: `${what}, start to caches filled`, value: seconds.listed, unit: 's' },
    { what: `${what}, first ${ROLLED_OUT} nodes, cap ${CAP}`, value: seconds.done, unit: 's' },
    { what: `${what}, most anonymous`, value: anonymousMb, unit: 'MB' },
  ]
}

function copyProgram({ dist, folder }: BenchContext): string {
  const copy = path.join(folder, 'operator')
  fs.copyFileSync(path.join(dist, 'kubenest-cluster'), copy)
  // Written out and dropped from the page cache, so that the group itself reads it.
  const drop = [`of=${copy}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0']
  spawnSync('dd', ['if=/dev/null', ...drop])
  return copy
}
