// From the first byte on a socket that is held for the agent to the agent's answer.
import * as fs from 'node:fs'
import path from 'node:path'
import { askStatus } from './agent-call.ts'
import { layOutNode, startActivation } from './agent-node.ts'
import { median, type Bench } from './figure.ts'

const RUNS = 9
const ANSWER_MS_MAX = 60
const SLOT_BYTES = 64 * 1024 * 1024

/** See the head of this file. */
export const agentActivation: Bench = {
  name: 'agent-activation',
  async run({ dist, folder, say }) {
    const times: number[] = []
    for (let turn = 0; turn < RUNS; turn += 1) {
      const node = layOutNode(path.join(folder, `node-${turn}`), SLOT_BYTES)
      const holder = await startActivation(dist, node)
      const startMs = performance.now()
      await askStatus(node.socket)
      times.push(performance.now() - startMs)
      await holder.stop()
      fs.rmSync(node.root, { recursive: true })
    }
    say(`runs: ${times.map((each) => each.toFixed(0)).join(', ')} ms`)
    const what = 'Agent, activation to first answer, median of 9'
    return [{ what, value: median(times), limit: ANSWER_MS_MAX, unit: 'ms' }]
  },
}
