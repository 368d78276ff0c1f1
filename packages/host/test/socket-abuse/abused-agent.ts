// The serving agent as its own process for socket-abuse.test.ts: real socket, clock and limits; no
// disks. Arguments: socket path, folder taken as the system's root.
import { systemClock } from '@kubenest/base/clock'
import { createLogger } from '@kubenest/base/log'
import { systemExec } from '@kubenest/base/system-exec'
import { createSysRoot } from '@kubenest/base/sysroot'
import { serveAgent } from '../../src/agent/serve-agent.ts'
import { createFakeEngine } from '../agent/fake-engine.ts'

const [socketPath = '', root = ''] = process.argv.slice(2)
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
const log = createLogger({ write: (line) => void process.stdout.write(line), clock: systemClock })

await serveAgent({
  engine: createFakeEngine(),
  socketPath,
  sysroot: createSysRoot(root),
  clock: systemClock,
  exec: systemExec,
  log,
  auditLog: log,
  env: {},
  stop: stop.signal,
  ownerUid: process.getuid?.() ?? 0,
})
process.exit(0)
