// A daemon of a test: starts, is waited for, and is surely stopped, also when the test dies.
// A program that is missing is a failure with a remedy: these tests never skip themselves.
import * as fs from 'node:fs/promises'
import { systemClock } from '@kubenest/base/clock'
import { startDaemon, stopProcess } from '@kubenest/base/daemon'

const START_LIMIT_MS = 90_000
const STOP_LIMIT_MS = 20_000

export interface TestDaemon {
  stop(): Promise<void>
}

/** Starts a daemon and waits until it is ready. */
export async function startTestDaemon(request: {
  readonly argv: readonly [string, ...string[]]
  readonly env?: Readonly<Record<string, string>>
  readonly logFile: string
  readonly isReady: () => Promise<boolean>
}): Promise<TestDaemon> {
  await assertInstalled(request.argv)
  const daemon = startDaemon(request)
  const state = { hasEnded: false }
  void daemon.exited.then(() => (state.hasEnded = true))
  const endMs = performance.now() + START_LIMIT_MS
  while (!(await request.isReady())) {
    if (state.hasEnded || performance.now() > endMs) {
      await stopProcess(daemon.identity, systemClock, STOP_LIMIT_MS)
      const log = await fs.readFile(request.logFile, 'utf8')
      throw new Error(`${request.argv.join(' ')} does not start:\n${log.slice(-3000)}`)
    }
    await Bun.sleep(50)
  }
  return { stop: () => stopProcess(daemon.identity, systemClock, STOP_LIMIT_MS) }
}

async function assertInstalled(argv: readonly string[]): Promise<void> {
  for (const program of argv.filter((word) => /^\/usr\/s?bin\/[a-z-]+$/.test(word)))
    if (!(await Bun.file(program).exists()))
      throw new Error(`${program} is not installed; run tools/setup.sh engines`)
}
