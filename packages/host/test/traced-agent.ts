// What the agent does to a node, as one process for system-calls.test.ts: serve and answer, write
// and arm a slot, and run the kinds of programs it runs. Arguments: folder.
import path from 'node:path'
import { systemClock } from '@kubenest/base/clock'
import { silentLogger } from '@kubenest/base/log'
import { systemExec } from '@kubenest/base/system-exec'
import { serveAgent } from '../src/agent/serve-agent.ts'
import { ask, call } from './agent/raw-client.ts'
import { until } from './agent/fake-clock.ts'
import { createFakeNode, makeImage } from './engine/fake-node.ts'
import { requestFor } from './engine/requests.ts'

const folder = process.argv[2] ?? ''
const socketPath = path.join(folder, 'run', 'os-agent.sock')
const node = await createFakeNode(folder)
const stop = new AbortController()
const served = serveAgent({
  ...node.deps,
  engine: node.engine,
  socketPath,
  auditLog: silentLogger,
  clock: systemClock,
  env: {},
  stop: stop.signal,
  ownerUid: process.getuid?.() ?? 0,
})
await until(
  async () => (await ask(socketPath, call('status')).catch(() => undefined)) !== undefined,
)
const image = await makeImage(folder, { version: 'v2' })
node.serve(image)
for (const [method, params] of [
  ['prepare_upgrade', [requestFor(image, 'v2')]],
  ['configure', [{ configs: [] }]],
  ['slots', []],
  ['upgrade', []],
] as const)
  process.stdout.write(`${JSON.stringify(await ask(socketPath, call(method, 1, params)))}\n`)
const mountPoint = path.join(folder, 'mount')
for (const argv of [
  ['mkdir', '-p', mountPoint],
  ['mount', '-t', 'tmpfs', 'none', mountPoint],
  ['umount', mountPoint],
  ['systemctl', '--version'],
  ['sync', folder],
] as const)
  await systemExec.run({ argv })
stop.abort()
await served
process.exit(0)
