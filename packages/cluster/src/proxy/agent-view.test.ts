// When the agent is asked although nothing happened: seldom, because asking starts it.
import { expect, test } from 'bun:test'
import { FakeClock } from '@kubenest/sim/fakes/fake-clock'
import { makeAgent } from '../../test/proxy/fixtures.ts'
import type { AgentClient } from './agent-client.ts'
import { createAgentView } from './agent-view.ts'

const HOUR_MS = 3_600_000
const SETTINGS = { changedAt: 't', canUndo: false, waiting: [], drift: [], driftCount: 0 }
const never = () => new AbortController().signal

function makeView(status: AgentClient['status']) {
  const clock = new FakeClock()
  const unused = async () => {
    throw new Error('not asked for')
  }
  const agent = { prepareUpgrade: unused, upgrade: unused, rollback: unused, configure: unused }
  const view = createAgentView({ ...agent, status, cancel: unused, report: unused }, clock)
  return { clock, view }
}

test('createAgentView() looks for drift each hour once settings were applied', async () => {
  const { clock, view } = makeView(async () => makeAgent({ settings: SETTINGS }))
  await view.read(never())
  expect([view.isOutdated(), view.nextLookMs()]).toEqual([false, HOUR_MS])
  await clock.advance(HOUR_MS)
  // Due: asked at the next turn; a turn that cannot ask comes again in a while, not at once.
  expect([view.isOutdated(), view.nextLookMs()]).toEqual([true, 15_000])
  await view.read(never())
  expect([view.isOutdated(), view.nextLookMs()]).toEqual([false, HOUR_MS])
})

test('createAgentView() leaves an agent alone that has no settings to watch', async () => {
  const { clock, view } = makeView(async () => makeAgent())
  await view.read(never())
  await clock.advance(24 * HOUR_MS)
  expect([view.isOutdated(), view.nextLookMs()]).toEqual([false, undefined])
})

test('createAgentView() asks an agent that gave no answer again after 15 s', async () => {
  const { view } = makeView(async () => {
    throw new Error('no socket')
  })
  expect([view.isOutdated(), view.nextLookMs()]).toEqual([true, 15_000])
  await view.read(never())
  expect([view.isOutdated(), view.nextLookMs()]).toEqual([true, 15_000])
})
