// Real processes: which ones come back after they ended by themselves, and which ones end the lab.
import { afterEach, expect, test } from 'bun:test'
import * as fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Clock, systemClock } from '@kubenest/base/clock'
import { createProcessTable } from '../../src/lab/process-table.ts'

const logs = fs.mkdtempSync(path.join(os.tmpdir(), 'kubenest-table-'))
const failed = Promise.withResolvers<[string, number]>()
/** No pause before a restart. */
const clock: Clock = { ...systemClock, schedule: (_, task) => systemClock.schedule(0, task) }
const table = createProcessTable({
  clock,
  logs,
  changed: () => {},
  failed: (name, exitCode) => failed.resolve([name, exitCode]),
})

afterEach(async () => {
  await table.stopAll(1000)
  fs.rmSync(logs, { recursive: true, force: true })
})

test('createProcessTable() restarts a child that has shown that it can run', async () => {
  const child = table.start('server', ['sleep', '60'])
  child.keepRunning()
  const before = pidOf('server')
  process.kill(before, 'SIGKILL')
  while (table.list()[0]?.restarts !== 1) await Bun.sleep(10)
  expect(pidOf('server')).not.toBe(before)
  table.start('fragile', ['sleep', '60'])
  process.kill(pidOf('fragile'), 'SIGKILL')
  expect(await failed.promise).toEqual(['fragile', 137])
})

function pidOf(name: string): number {
  const found = table.list().find((each) => each.name === name)
  if (found === undefined) throw new Error(`${name} does not run`)
  return found.identity.pid
}
