// The serving agent with the shipped engine on a node of files, in a process of its own, with an
// image that comes slowly; killed at random. Notes each start of a download, so that a test can
// count them. Arguments: root, socket, image, file for the notes.
import * as fs from 'node:fs/promises'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { serveAgent } from '../../src/agent/serve-agent.ts'
import { createUpdateEngine } from '../../src/agent/update/engine.ts'
import { systemRawFiles } from '../../src/linux/raw-file.ts'
import { hastyClock } from './hasty-clock.ts'

const [root = '', socketPath = '', image = '', notes = ''] = process.argv.slice(2)
const stop = new AbortController()
const PIECE_BYTES = 16 * 1024

async function* slowly(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    await Bun.sleep(2)
    yield bytes.subarray(at, at + PIECE_BYTES)
  }
}

const deps = {
  sysroot: createSysRoot(root),
  clock: hastyClock,
  log: silentLogger,
  exec: systemExec,
  ownerUid: process.getuid?.() ?? 0,
}
const engine = createUpdateEngine({
  ...deps,
  rawFiles: systemRawFiles,
  architecture: 'x86_64',
  source: {
    async open({ check_sum }) {
      await fs.appendFile(notes, `${check_sum}\n`)
      const bytes = new Uint8Array(await fs.readFile(image))
      return { sizeBytes: bytes.length, bytes: slowly(bytes) }
    },
  },
  stop: stop.signal,
  reboot: async () => {},
})
await serveAgent({
  ...deps,
  engine,
  socketPath,
  auditLog: silentLogger,
  env: {},
  stop: stop.signal,
})
