// Benches 3 and 4: the agent takes a raw image of 1 GiB over HTTP into a slot. Beside it, in turns
// and on the same file, the least that any tool must do: receive, write, flush, read back, hash.
import * as fs from 'node:fs'
import path from 'node:path'
import { prepareUpgrade } from './agent-call.ts'
import { layOutNode, makeRootImage, startAgent } from './agent-node.ts'
import { median, type Bench, type BenchContext, type Figure } from './figure.ts'

const IMAGE_MIB = 1024
const RUNS = 3
const PEAK_MB_MAX = 64
const BYTES_RATIO_MAX = 1.05
const TIME_RATIO_MAX = 1.3

interface AgentRun {
  readonly seconds: number
  readonly peakMb: number
  readonly anonymousMb: number
  readonly writtenBytes: number
}

/** See the head of this file. */
export const agentStream: Bench = {
  name: 'agent',
  async run(context) {
    const image = makeRootImage(context.folder, IMAGE_MIB)
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () => new Response(Bun.file(image)),
    })
    try {
      return await compare(context, image, `http://127.0.0.1:${server.port}/root.img`)
    } finally {
      await server.stop(true)
    }
  },
}

async function compare(context: BenchContext, image: string, url: string): Promise<Figure[]> {
  const digest = await digestOf(image)
  const runs: AgentRun[] = []
  const floors: number[] = []
  for (let turn = 0; turn < RUNS; turn += 1) {
    const root = path.join(context.folder, `node-${turn}`)
    const node = layOutNode(root, fs.statSync(image).size)
    const floor = await floorSeconds(url, node.standby)
    const own = await agentRun(context.dist, node, { url, digest, version: 'v2' })
    context.say(
      `run ${turn + 1}: agent ${own.seconds.toFixed(2)} s, floor ${floor.toFixed(2)} s, peak +${own.peakMb.toFixed(0)} MB, anonymous ${own.anonymousMb.toFixed(0)} MB`,
    )
    floors.push(floor)
    runs.push(own)
    fs.rmSync(root, { recursive: true })
  }
  return figures(runs, floors, fs.statSync(image).size)
}

function figures(runs: readonly AgentRun[], floors: readonly number[], size: number): Figure[] {
  const seconds = median(runs.map((each) => each.seconds))
  const floor = median(floors)
  const peak = Math.max(...runs.map((each) => each.peakMb))
  const written = Math.max(...runs.map((each) => each.writtenBytes)) / size
  return [
    { what: 'Agent, peak above its base, 1 GiB raw', value: peak, limit: PEAK_MB_MAX, unit: 'MB' },
    {
      what: 'Bytes written per upgrade against the image, raw',
      value: written,
      limit: BYTES_RATIO_MAX,
      unit: 'x',
    },
    { what: 'HTTP to verified slot, 1 GiB raw', value: seconds, unit: 's' },
    { what: 'Floor: curl to dd with flush, direct read to openssl', value: floor, unit: 's' },
    {
      what: 'HTTP to verified slot against the floor',
      value: seconds / floor,
      limit: TIME_RATIO_MAX,
      unit: 'x',
    },
  ]
}

async function agentRun(
  dist: string,
  node: ReturnType<typeof layOutNode>,
  image: { url: string; digest: string; version: string },
): Promise<AgentRun> {
  const agent = await startAgent(dist, node)
  const baseMb = agent.residentMb()
  const writtenBefore = writtenBytes(agent.pid)
  const startMs = performance.now()
  await prepareUpgrade(node.socket, image)
  const seconds = (performance.now() - startMs) / 1000
  const measured = {
    seconds,
    peakMb: agent.mostResidentMb() - baseMb,
    anonymousMb: agent.mostAnonymousMb(),
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

async function floorSeconds(url: string, file: string): Promise<number> {
  // A pipe with a name, so that bytes go from program to program and not through this process.
  const pipe = `${file}.pipe`
  await run(['mkfifo', pipe])
  const startMs = performance.now()
  const to = [`of=${file}`, 'bs=4M', 'iflag=fullblock', 'conv=fdatasync,notrunc', 'status=none']
  await Promise.all([
    run(['curl', '--silent', '--fail', '--output', pipe, url]),
    run(['dd', `if=${pipe}`, ...to]),
  ])
  const from = ['bs=4M', `count=${IMAGE_MIB / 4}`, 'iflag=direct', 'status=none']
  await Promise.all([
    run(['dd', `if=${file}`, `of=${pipe}`, ...from]),
    run(['openssl', 'dgst', '-sha256', pipe]),
  ])
  return (performance.now() - startMs) / 1000
}

async function run(argv: string[]): Promise<void> {
  const code = await Bun.spawn(argv, { stdio: ['ignore', 'ignore', 'inherit'] }).exited
  if (code !== 0) throw new Error(`Cannot run ${argv.join(' ')}: it exited with ${code}`)
}

async function digestOf(file: string): Promise<string> {
  const hasher = new Bun.CryptoHasher('sha256')
  for await (const chunk of Bun.file(file).stream()) hasher.update(chunk)
  return hasher.digest('hex')
}
