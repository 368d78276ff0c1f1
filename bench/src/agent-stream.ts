// The agent takes an image over HTTP into a slot, raw and with zstd. Beside it, in turns and on
// the same file, the least that any tool must do.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import path from 'node:path'
import { prepareUpgrade, type ServedImage } from './agent-call.ts'
import { layOutNode, makeRootImage, startAgent, type AgentNode } from './agent-node.ts'
import { digestOf } from './digest-of.ts'
import { median, type Bench, type BenchContext, type Figure } from './figure.ts'
import { floorSeconds } from './floor.ts'

const RAW_MIB = 1024
const COMPRESSED_MIB = 512
const RUNS = 3
const PEAK_MB_MAX = 64
const BYTES_RATIO_MAX = 1.05

/** One form of an image. */
interface Form {
  readonly words: string
  /** What the server sends. */
  readonly file: string
  readonly slotBytes: number
  readonly isCompressed: boolean
  readonly timeRatioMax: number
}

interface AgentRun {
  readonly seconds: number
  readonly peakMb: number
  readonly writtenBytes: number
}

/** See the head of this file. */
export const agentStream: Bench = {
  name: 'agent',
  run: async (context) => [
    ...(await measure(context, rawForm(context.folder))),
    ...(await measure(context, compressedForm(context.folder))),
  ],
}

function rawForm(folder: string): Form {
  const file = makeRootImage(folder, RAW_MIB, 'noise')
  const slotBytes = fs.statSync(file).size
  return { words: '1 GiB raw', file, slotBytes, isCompressed: false, timeRatioMax: 1.15 }
}

function compressedForm(folder: string): Form {
  const image = makeRootImage(folder, COMPRESSED_MIB, 'programs')
  const slotBytes = fs.statSync(image).size
  const file = `${image}.zst`
  const made = spawnSync('zstd', ['-q', '-3', '--rm', '-f', image, '-o', file])
  if (made.status !== 0) throw new Error(`Cannot compress the image: ${made.stderr.toString()}`)
  return { words: '512 MiB with zstd', file, slotBytes, isCompressed: true, timeRatioMax: 1.4 }
}

async function measure(context: BenchContext, form: Form): Promise<Figure[]> {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => new Response(Bun.file(form.file)),
  })
  try {
    return await compare(context, form, `http://127.0.0.1:${server.port}/root.img`)
  } finally {
    await server.stop(true)
    fs.rmSync(form.file)
  }
}

async function compare(context: BenchContext, form: Form, url: string): Promise<Figure[]> {
  const { slotBytes, isCompressed } = form
  const digest = await digestOf(form.file)
  const runs: AgentRun[] = []
  const floors: number[] = []
  for (let turn = 0; turn < RUNS; turn += 1) {
    const root = path.join(context.folder, `node-${turn}`)
    const node = layOutNode(root, slotBytes)
    const floor = await floorSeconds({ url, file: node.standby, slotBytes, isCompressed })
    const own = await agentRun(context.dist, node, { url, digest, version: 'v2' })
    context.say(
      `${form.words}, run ${turn + 1}: agent ${own.seconds.toFixed(2)} s, floor ${floor.toFixed(2)} s, peak +${own.peakMb.toFixed(0)} MB`,
    )
    floors.push(floor)
    runs.push(own)
    fs.rmSync(root, { recursive: true })
  }
  return figures(form, runs, floors)
}

function figures(form: Form, runs: readonly AgentRun[], floors: readonly number[]): Figure[] {
  const { words, slotBytes, timeRatioMax } = form
  const seconds = median(runs.map((each) => each.seconds))
  const floor = median(floors)
  const peak = Math.max(...runs.map((each) => each.peakMb))
  const written = Math.max(...runs.map((each) => each.writtenBytes)) / slotBytes
  return [
    { what: `Agent, peak above its base, ${words}`, value: peak, limit: PEAK_MB_MAX, unit: 'MB' },
    {
      what: `Bytes written per upgrade against the image, ${words}`,
      value: written,
      limit: BYTES_RATIO_MAX,
      unit: 'x',
    },
    { what: `HTTP to verified slot, ${words}`, value: seconds, unit: 's' },
    { what: `Floor with programs of the system, ${words}`, value: floor, unit: 's' },
    {
      what: `HTTP to verified slot against the floor, ${words}`,
      value: seconds / floor,
      limit: timeRatioMax,
      unit: 'x',
    },
  ]
}

async function agentRun(dist: string, node: AgentNode, image: ServedImage): Promise<AgentRun> {
  const agent = await startAgent(dist, node)
  const baseMb = agent.residentMb()
  const writtenBefore = writtenBytes(agent.pid)
  const startMs = performance.now()
  await prepareUpgrade(node.socket, image)
  const seconds = (performance.now() - startMs) / 1000
  const measured = {
    seconds,
    peakMb: agent.mostResidentMb() - baseMb,
    writtenBytes: writtenBytes(agent.pid) - writtenBefore,
  }
  await agent.stop()
  return measured
}

/** What the kernel sent to block devices for this process. */
function writtenBytes(pid: number): number {
  const found = /^write_bytes: (\d+)$/m.exec(fs.readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]
  return Number(found)
}
