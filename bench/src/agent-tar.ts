// The agent takes an OS tar over HTTP into a slot. What reaches the disk is read from the counters
// of a block device that carries everything of the node: slot, persist, boot. Beside it, in turns,
// the least that any tool must do.
import * as fs from 'node:fs'
import path from 'node:path'
import { prepareUpgrade } from './agent-call.ts'
import { layOutNode, makeRootTar, startAgent } from './agent-node.ts'
import { digestOf } from './digest-of.ts'
import { median, type Bench, type BenchContext, type Figure } from './figure.ts'
import { tarFloorSeconds } from './floor.ts'
import { makeLoopDisk, type LoopDisk } from './loop-disk.ts'

/** What a root is made of: libraries, programs in another language, many small files. */
const CONTENT = ['usr/lib/x86_64-linux-gnu', 'usr/share/perl', 'usr/share/zoneinfo']
const MIB = 1024 * 1024
const RUNS = 3
/** Room beyond the slots and the copy of the tar. */
const SPARE_BYTES = 512 * MIB
const WRITTEN_RATIO_MAX = 1.2
const TIME_RATIO_MAX = 1.6

/** See the head of this file. */
export const agentTar: Bench = {
  name: 'agent-tar',
  async run(context) {
    if (process.getuid?.() !== 0) {
      context.say('SKIPPED: it mounts file systems, which needs root')
      return []
    }
    const tar = makeRootTar(context.folder, CONTENT)
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () => new Response(Bun.file(tar)),
    })
    const slotBytes = Math.ceil((fs.statSync(tar).size * 1.3) / MIB) * MIB
    // Two slots of which one stays empty, the copy on persist.
    const disk = makeLoopDisk(context.folder, slotBytes * 2 + SPARE_BYTES)
    try {
      return await compare(context, disk, { tar, slotBytes, url: server.url.href })
    } finally {
      disk.remove()
      await server.stop(true)
    }
  },
}

interface TarImage {
  readonly tar: string
  readonly slotBytes: number
  readonly url: string
}

async function compare(context: BenchContext, disk: LoopDisk, image: TarImage): Promise<Figure[]> {
  const tarBytes = fs.statSync(image.tar).size
  const digest = await digestOf(image.tar)
  const runs: { seconds: number; written: number; floor: number }[] = []
  for (let turn = 0; turn < RUNS; turn += 1) {
    const root = path.join(disk.place, `node-${turn}`)
    const node = layOutNode(root, image.slotBytes)
    const floor = await tarFloorSeconds(image.url, node.standby)
    // As a slot that was never written.
    fs.truncateSync(node.standby, 0)
    fs.truncateSync(node.standby, image.slotBytes)
    const agent = await startAgent(context.dist, node, true)
    const before = disk.writtenBytes()
    const startMs = performance.now()
    await prepareUpgrade(node.socket, { url: image.url, digest, version: 'v2' })
    const seconds = (performance.now() - startMs) / 1000
    const written = (disk.writtenBytes() - before) / tarBytes
    await agent.stop()
    context.say(
      `run ${turn + 1}: agent ${seconds.toFixed(2)} s, floor ${floor.toFixed(2)} s, written ${written.toFixed(2)} x`,
    )
    runs.push({ seconds, written, floor })
    fs.rmSync(root, { recursive: true })
  }
  return figures(Math.round(tarBytes / MIB), runs)
}

function figures(
  mib: number,
  runs: readonly { seconds: number; written: number; floor: number }[],
): Figure[] {
  const words = `tar of ${mib} MiB`
  const seconds = median(runs.map((each) => each.seconds))
  const floor = median(runs.map((each) => each.floor))
  return [
    {
      what: `Bytes written to the disk per upgrade against the image, ${words}`,
      value: median(runs.map((each) => each.written)),
      limit: WRITTEN_RATIO_MAX,
      unit: 'x',
    },
    { what: `HTTP to verified slot, ${words}`, value: seconds, unit: 's' },
    { what: `Floor with programs of the system, ${words}`, value: floor, unit: 's' },
    {
      what: `HTTP to verified slot against the floor, ${words}`,
      value: seconds / floor,
      limit: TIME_RATIO_MAX,
      unit: 'x',
    },
  ]
}
