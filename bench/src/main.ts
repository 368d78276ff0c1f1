// `make bench`: measures what docs/en/performance.md states. Writes nothing but its output; what it
// makes on the way (labs, loop devices, cgroups) is gone at the end.
// Usage: bun bench/src/main.ts [--dist FOLDER] [NAME]...
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { renderFigure, renderTable, type Bench, type Figure } from './figure.ts'
import { agentActivation } from './agent-activation.ts'
import { agentStream } from './agent-stream.ts'
import { agentTar } from './agent-tar.ts'
import { agentTls } from './agent-tls.ts'
import { operatorMemory } from './operator-memory.ts'
import { proxyMemory } from './proxy-memory.ts'
import { rollout } from './rollout.ts'
import { smallPod } from './small-pod.ts'
import { wholeNode } from './whole-node.ts'

const BENCHES: readonly Bench[] = [
  rollout,
  operatorMemory,
  proxyMemory,
  agentStream,
  agentTar,
  agentTls,
  agentActivation,
  smallPod,
  wholeNode,
]

const { values, positionals } = parseArgs({
  options: { dist: { type: 'string', default: 'dist/linux-x64' } },
  allowPositionals: true,
})
const unknown = positionals.find((name) => !BENCHES.some((each) => each.name === name))
if (unknown !== undefined)
  throw new Error(
    `Cannot run bench "${unknown}": known are ${BENCHES.map(({ name }) => name).join(', ')}`,
  )
const chosen = BENCHES.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const dist = path.resolve(values.dist)
const all: Figure[] = []
console.log(
  `${new Date().toISOString()}, ${os.cpus().length} cores, load ${os.loadavg()[0]?.toFixed(1)}`,
)
for (const bench of chosen) {
  // Not in /tmp by force: it may be memory, and some benches measure a disk.
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), `bench-${bench.name}-`))
  const say = (line: string) => console.log(`  ${line}`)
  try {
    console.log(bench.name)
    const figures = await bench.run({ dist, folder, say })
    for (const figure of figures) say(renderFigure(figure))
    all.push(...figures)
  } finally {
    await fs.rm(folder, { recursive: true, force: true })
  }
}
console.log(`\n${renderTable(all)}`)
