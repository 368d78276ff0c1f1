// The contract on every image source there is, with Debian's registry, containerd and dockerd. A
// machine that lacks one of them fails this: tools/setup.sh engines installs them.
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, test } from 'bun:test'
import { createContainerBench, createDiskBench } from './source-bench.ts'
import { describeImageSource } from './source-contract.ts'
import { startContainerd, startDockerd } from './test-engines.ts'

const folders: string[] = []
async function folder(): Promise<string> {
  const made = await fs.mkdtemp(path.join(os.tmpdir(), 'sources-'))
  folders.push(made)
  return made
}
afterAll(async () => {
  for (const each of folders) await fs.rm(each, { recursive: true, force: true })
})

describeImageSource('disk', async () => createDiskBench(await folder()))

describeImageSource('containerd with ctr', async () => {
  const place = await folder()
  const engine = await startContainerd(place, path.join(place, 'system/etc/containerd/certs.d'))
  return createContainerBench(place, 'containerd', engine)
})

// No Debian release of ours has crictl: with one on PATH the contract runs through it as well.
const crictl = Bun.which('crictl')
if (crictl === null) test.skip('the contract of an image source: containerd with crictl', () => {})
else
  describeImageSource('containerd with crictl', async () => {
    const place = await folder()
    const hosts = path.join(place, 'system/etc/containerd/certs.d')
    const engine = await startContainerd(place, hosts, crictl)
    return createContainerBench(place, 'containerd', engine)
  })

describeImageSource('docker', async () => {
  const place = await folder()
  return createContainerBench(place, 'docker', await startDockerd(place))
})
