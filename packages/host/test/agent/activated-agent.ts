// An agent as its own process for socket-activation.test.ts: real sockets and signals, a held
// engine, and a clock on which the idle time takes 1.5 s. Arguments: socket path, folder taken as
// the system's root.
import { systemClock } from '@kubenest/base/clock'
import { createLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { serveAgent } from '../../src/agent/serve-agent.ts'
import { createFakeEngine } from './fake-engine.ts'

const [socketPath = '', root = ''] = process.argv.slice(2)
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
const engine = createFakeEngine()
engine.inTrial = process.env['IN_TRIAL'] === '1'

const log = createLogger({ write: (line) => process.stdout.write(line), clock: systemClock })

try {
  await serveAgent({
    engine,
    socketPath,
    sysroot: createSysRoot(root),
    clock: {
      ...systemClock,
      schedule: (delayMs, task) => systemClock.schedule(delayMs / 20, task),
    },
    exec: systemExec,
    log,
    auditLog: log,
    env: process.env,
    stop: stop.signal,
    ownerUid: process.getuid?.() ?? 0,
  })
} catch (error) {
  process.stdout.write(`${String(error)}\n`)
  process.exit(69)
}
process.exit(0)
