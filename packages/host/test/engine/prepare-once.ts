// Prepares an upgrade on a node of files, slowly; the test kills it.
// Arguments: root, image, version.
import * as fs from 'node:fs/promises'
import { systemClock } from '@kubenest/base/clock'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { createUpdateEngine } from '../../src/agent/update/engine.ts'
import { systemRawFiles } from '../../src/linux/raw-file.ts'
import { requestFor } from './requests.ts'

const [root = '', file = '', version = ''] = process.argv.slice(2)
const image = new Uint8Array(await fs.readFile(file))
const never = new AbortController().signal

async function* slowly(): AsyncGenerator<Uint8Array> {
  const size = 256 * 1024
  for (let at = 0; at < image.length; at += size) {
    await Bun.sleep(2)
    yield image.subarray(at, at + size)
  }
}

const engine = createUpdateEngine({
  sysroot: createSysRoot(root),
  clock: systemClock,
  log: silentLogger,
  exec: systemExec,
  rawFiles: systemRawFiles,
  architecture: 'x86_64',
  source: { open: async () => ({ sizeBytes: image.length, bytes: slowly() }) },
  stop: never,
  reboot: async () => {},
})
process.stdout.write('ready\n')
await engine.recover()
await engine.prepare(requestFor(image, version), () => {}, never)
process.stdout.write('done\n')
process.exit(0)
