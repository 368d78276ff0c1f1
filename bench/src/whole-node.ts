// A virtual node without KVM: how long an upgrade without pods to drain keeps it away, against a
// plain reboot of the same guest, and how long a good trial takes to be committed.
import * as fs from 'node:fs'
import path from 'node:path'
import { upLab, type RunningLab } from './bench-lab.ts'
import type { Bench } from './figure.ts'
import { runOnNode, startOnNode } from './run-on-node.ts'

const NODE = 'vm-1'
const DOWNTIME_RATIO_MAX = 1.1
const COMMIT_S_MAX = 15
const LEAST_UPTIME_S = 45
const LOOK_MS = 300
const LIMIT_MS = 25 * 60_000
/** What systemd says last. */
const REBOOTING = /The system will reboot now/g

/** See the head of this file. */
export const wholeNode: Bench = {
  name: 'whole-node',
  async run({ dist, say }) {
    const lab = upLab(dist, ['--vm', '1', '--durable'])
    try {
      await untilIdleAt(lab, 'KubeOS v1')
      const upgradeS = await downtimeOf(lab, () => apply(lab, 'os-v2.yaml'))
      await untilIdleAt(lab, 'KubeOS v2')
      const gate = ['-b', '-u', 'kubenest-gate', '-o', 'short-monotonic', '-q', '--no-pager']
      const journal = await runOnNode(lab, ['journalctl', ...gate])
      const plainS = await downtimeOf(lab, () => rebootPlainly(lab))
      say(`away for ${upgradeS.toFixed(1)} s in the upgrade, ${plainS.toFixed(1)} s in a reboot`)
      return [
        {
          what: 'Downtime of an upgrade against a plain reboot, one guest',
          value: upgradeS / plainS,
          limit: DOWNTIME_RATIO_MAX,
          unit: 'x',
        },
        {
          what: 'Commit after the least uptime with all checks green',
          value: commitDelayS(journal),
          limit: COMMIT_S_MAX,
          unit: 's',
        },
      ]
    } finally {
      lab.stop()
    }
  },
}

function apply(lab: RunningLab, manifest: string): void {
  lab.kubectl(['apply', '-f', path.join(lab.state, 'manifests', manifest)])
}

function rebootPlainly(lab: RunningLab): void {
  startOnNode(lab, ['systemctl', 'reboot'])
}

/** From the last word of the old boot until the cluster sees another one as ready. */
async function downtimeOf(lab: RunningLab, start: () => void): Promise<number> {
  const before = look(lab)?.bootId
  const reboots = countReboots(lab)
  start()
  await until('a reboot', () => countReboots(lab) > reboots)
  const startMs = performance.now()
  await until('another boot that is ready', () => {
    const node = look(lab)
    return node?.isReady === true && node.bootId !== before
  })
  return (performance.now() - startMs) / 1000
}

function countReboots({ state }: RunningLab): number {
  const files = [`nodes/${NODE}/serial.log`, `logs/${NODE}-console.log`]
  const texts = files.map((file) => path.join(state, file)).filter((file) => fs.existsSync(file))
  const counts = texts.map((file) => fs.readFileSync(file, 'latin1').match(REBOOTING)?.length ?? 0)
  return counts.reduce((sum, count) => sum + count, 0)
}

interface SeenNode {
  readonly status: {
    readonly nodeInfo: { readonly bootID: string; readonly osImage: string }
    readonly conditions: readonly { readonly type: string; readonly status: string }[]
  }
}

function look(lab: RunningLab) {
  const text = lab.kubectl(['get', 'node', NODE, '--ignore-not-found', '-o', 'json'])
  if (text.trim() === '') return undefined
  const { nodeInfo, conditions } = (JSON.parse(text) as SeenNode).status
  const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
  return { bootId: nodeInfo.bootID, version: nodeInfo.osImage, isReady }
}

async function untilIdleAt(lab: RunningLab, version: string): Promise<void> {
  await until(`an idle node at ${version}`, () => {
    const jsonPath = '{.spec.nodestatus} {.status.slots[?(@.booted==true)].state}'
    const words = ['get', 'osinstance', NODE, '--ignore-not-found', '-o', `jsonpath=${jsonPath}`]
    const node = look(lab)
    return node?.isReady && node.version === version && lab.kubectl(words) === 'idle committed'
  })
}

/** Of the gate's own log: from the last change of what it waits for to the commit, seconds. */
function commitDelayS(journal: string): number {
  const lines = [...journal.matchAll(/^\[ *([\d.]+)\].*?(the gate waits.*|slot is committed)/gm)]
  const waits = lines.filter((line) => line[2] !== 'slot is committed')
  const [first, last] = [waits.at(0), waits.at(-1)]
  const committed = lines.find((line) => line[2] === 'slot is committed')
  if (first === undefined || last === undefined || committed === undefined)
    throw new Error(`the gate's log tells no commit: ${journal}`)
  const ageS = Number(/ seconds=(\d+)/.exec(first[2] ?? '')?.[1] ?? Number.NaN)
  const leastS = Number(first[1]) + LEAST_UPTIME_S - ageS
  return Number(committed[1]) - Math.max(leastS, Number(last[1]))
}

async function until(what: string, isSeen: () => boolean | undefined): Promise<void> {
  const deadlineMs = performance.now() + LIMIT_MS
  while (isSeen() !== true) {
    if (performance.now() > deadlineMs) throw new Error(`never seen: ${what}`)
    await Bun.sleep(LOOK_MS)
  }
}
