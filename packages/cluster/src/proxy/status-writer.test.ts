// How rarely the mirror is written: an upgrade of a fleet must not be a flood of progress.
import { expect, test } from 'bun:test'
import type { OsInstance } from '@kubenest/api/os/os'
import { silentLogger } from '@kubenest/base/log'
import { OS_INSTANCES } from '@kubenest/kube/client/resources'
import { FakeApiServer } from '@kubenest/sim/fakes/fake-api-server'
import { FakeClock } from '@kubenest/sim/fakes/fake-clock'
import { createStatusWriter } from './status-writer.ts'

async function makeWriter() {
  const clock = new FakeClock()
  const client = new FakeApiServer({ clock }).client()
  let instance: OsInstance = await client.create(OS_INSTANCES, {
    metadata: { name: 'n1', namespace: 'default' },
    spec: { nodestatus: 'upgrade' },
  })
  const writer = createStatusWriter({ client, clock, log: silentLogger })
  const mirror = async (phase: string, bytesDone: number) => {
    const operation = { id: 'c1', type: 'upgrade' as const, phase, bytesDone, since: 't' }
    const done = await writer.mirror(instance, { conditions: [], operation })
    instance = done.instance ?? instance
    return done.afterMs ?? 'written'
  }
  return { clock, mirror, bytes: () => instance.status?.operation?.bytesDone }
}

test('createStatusWriter() writes bytes at most each five seconds', async () => {
  const { clock, mirror, bytes } = await makeWriter()
  expect(await mirror('Preparing', 1)).toBe('written')
  await clock.advance(2000)
  expect(await mirror('Preparing', 2)).toBe(3000)
  expect(bytes()).toBe(1)
  await clock.advance(3000)
  expect(await mirror('Preparing', 3)).toBe('written')
  expect(bytes()).toBe(3)
})

test('createStatusWriter() writes at most once a second, even when the phase changes', async () => {
  const { clock, mirror, bytes } = await makeWriter()
  expect(await mirror('Preparing', 1)).toBe('written')
  await clock.advance(400)
  expect(await mirror('SlotVerified', 2)).toBe(600)
  expect(bytes()).toBe(1)
  await clock.advance(600)
  expect(await mirror('SlotVerified', 2)).toBe('written')
})
