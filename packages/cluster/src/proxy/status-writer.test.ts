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
  const mirrorSettings = async (settings: NonNullable<OsInstance['status']>['settings']) => {
    const wanted = settings === undefined ? {} : { settings }
    instance = (await writer.mirror(instance, { conditions: [], ...wanted })).instance ?? instance
    await clock.advance(1000)
    return instance.status?.settings
  }
  return { clock, mirror, mirrorSettings, bytes: () => instance.status?.operation?.bytesDone }
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

test('createStatusWriter() takes away what waited for a restart once it is over', async () => {
  const { mirrorSettings } = await makeWriter()
  const waiting = [{ target: 'node', since: 't', paths: ['/etc/x'] }]
  expect(await mirrorSettings({ waiting, driftCount: 0 })).toEqual({ waiting, driftCount: 0 })
  expect(await mirrorSettings({ waiting: [] })).toEqual({ waiting: [] })
  expect(await mirrorSettings(undefined)).toBeUndefined()
})
