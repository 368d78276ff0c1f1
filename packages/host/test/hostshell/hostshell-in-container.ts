// hostshell as its own process for hostshell.test.ts: real namespaces and signals; the host's root
// folder and the unit of the time limit are the test's. Arguments: folder, milliseconds per minute.
import { systemClock } from '@kubenest/base/clock'
import { forAPerson } from '../../src/for-a-person.ts'
import { runHostshell } from '../../src/hostshell/run-hostshell.ts'
import { sharesMountsWithInit } from '../../src/linux/shares-mounts-with-init.ts'
import { callerPid, runTerminalSession } from '../../src/linux/terminal-session.ts'

const [hostRoot = '', minuteMs = '60000'] = process.argv.slice(2)
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
const stderr = (text: string) => void process.stderr.write(text)

process.exit(
  await forAPerson({ stderr }, () =>
    runHostshell({
      env: process.env,
      stop: stop.signal,
      stderr,
      clock: systemClock,
      callerPid: callerPid(),
      uid: process.getuid?.() ?? 0,
      hostRoot,
      sharesMountsWithInit: sharesMountsWithInit(),
      runSession: (request) =>
        runTerminalSession({ ...request, limitMs: (request.limitMs / 60_000) * Number(minuteMs) }),
    }),
  ),
)
