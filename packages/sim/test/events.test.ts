// What `kubectl describe` shows at its end: Events of a whole upgrade, where they are allowed, and
// a single refused try where they are not.
import { afterEach, expect, test } from 'bun:test'
import { silentLogger } from '@kubenest/base/log'
import { utcZone } from '@kubenest/base/time-zone'
import { runOperator } from '@kubenest/cluster/operator/operator'
import { BUDGETS, EVENTS } from '@kubenest/kube/client/resources'
import { documentedRules, type FakeRequest, type FakeRules } from '../src/fakes/fake-rbac.ts'
import { ProxyWorld, type WorldOptions } from './proxy-world.ts'

const SPEC = { imageurl: 'https://images.example/v2.img' }
const ends: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function makeWorld(options: WorldOptions & { rules: FakeRules }) {
  const asked: FakeRequest[] = []
  const rules = (request: FakeRequest) => {
    if (request.resource === 'events') asked.push(request)
    return options.rules(request)
  }
  const world = new ProxyWorld({ ...options, rules })
  const stop = new AbortController()
  let ids = 0
  await world.start()
  const operator = runOperator(
    {
      client: world.server.client({ name: 'operator', rules }),
      clock: world.clock,
      log: silentLogger,
      zone: utcZone,
      newId: () => `id-${(ids += 1)}`,
    },
    stop.signal,
  )
  ends.push(async () => {
    stop.abort()
    world.kill()
    await world.pass(2000)
    await operator
  })
  const told = async (kind: string) =>
    (await world.admin.list(EVENTS, { limit: 500 })).items
      .filter(({ involvedObject }) => involvedObject?.kind === kind)
      .map(({ type, reason }) => `${type} ${reason}`)
      .sort()
  return { world, asked, told }
}

test('runOperator() and runProxy() tell an upgrade as events', async () => {
  const { world, told } = await makeWorld({ rules: () => true })
  await world.patchOs({ spec: SPEC })
  await world.until('done', async () => (await told('OS')).length >= 2)
  expect(await told('OS')).toEqual(['Normal Complete', 'Normal NodesStarted'])
  expect(await told('OSInstance')).toEqual([
    'Normal Armed',
    'Normal Drained',
    'Normal SlotVerified',
    'Normal Started',
    'Normal Succeeded',
  ])
})

test('runOperator() and runProxy() tell a fallback and the halt as warnings', async () => {
  const { world, told } = await makeWorld({ rules: () => true, trial: 'TrialUnhealthy' })
  await world.patchOs({ spec: SPEC })
  await world.until('halted', async () => (await told('OS')).length >= 3)
  expect(await told('OS')).toEqual([
    'Normal NodesStarted',
    'Warning Halted',
    'Warning NodeFellBack',
  ])
  expect(await told('OSInstance')).toContain('Warning FellBack')
})

test('runProxy() tells what blocks a drain, once in a while', async () => {
  const { world, told } = await makeWorld({ rules: () => true })
  await world.addPod('web')
  await world.admin.create(BUDGETS, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'web' } } },
    status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1 },
  })
  await world.patchOs({ spec: { ...SPEC, rollout: { drain: { timeoutSeconds: 60 } } } })
  await world.until('blocked', async () =>
    (await told('OSInstance')).includes('Warning DrainBlocked'),
  )
  await world.pass(120_000)
  const blocked = (await told('OSInstance')).filter((each) => each === 'Warning DrainBlocked')
  expect(blocked).toHaveLength(1)
  expect(await told('OSInstance')).toContain('Warning DrainStopped')
})

test('runOperator() and runProxy() each try once where the documented role forbids events', async () => {
  const { world, asked, told } = await makeWorld({ rules: documentedRules })
  await world.patchOs({ spec: SPEC })
  await world.until('upgraded', async () => (await world.verdict())?.outcome === 'Succeeded')
  await world.until('clean', () => world.isClean())
  expect(asked.filter(({ identity }) => identity === 'operator')).toHaveLength(1)
  // One more after the reboot, which is a new process.
  expect(asked.filter(({ identity }) => identity === 'proxy').length).toBeLessThanOrEqual(2)
  expect(await told('OS')).toEqual([])
})
