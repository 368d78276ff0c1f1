// What the halt's message tells a person to do, end to end: a fallback halts the rollout, `kubectl
// os allow` grants a further trial, the node is tried once more under that grant, and the verdict
// counts.
import { expect, test } from 'bun:test'
import type { TrialVerdict } from '@kubenest/api/agent/rpc'
import { silentLogger } from '@kubenest/base/log'
import { utcZone } from '@kubenest/base/time-zone'
import { runOperator } from '@kubenest/cluster/operator/operator'
import { OSES } from '@kubenest/kube/client/resources'
import { allowTrial } from '@kubenest/workstation/kubectl/kubectl-commands'
import { ProxyWorld } from './proxy-world.ts'

const REF = { name: 'os', namespace: 'default' }
const SPEC = { imageurl: 'https://images.example/v2.img' }

/** A node whose first trial fell back, under a running operator. */
async function haltedWorld() {
  const options: { trial: TrialVerdict } = { trial: 'TrialUnhealthy' }
  const world = new ProxyWorld(options)
  const stop = new AbortController()
  let ids = 0
  await world.start(SPEC)
  const client = world.server.client({ name: 'operator' })
  const newId = () => `claim-${(ids += 1)}`
  const deps = { client, clock: world.clock, log: silentLogger, zone: utcZone, newId }
  const operator = runOperator(deps, stop.signal)
  await world.until('halted', async () => (await conditionOf(world, 'Paused')) === 'Halted')
  const person = {
    client: world.admin,
    clock: world.clock,
    freshToken: () => `token-${(ids += 1)}`,
  }
  const end = async () => {
    stop.abort()
    world.kill()
    await world.pass(2000)
    await operator
  }
  return { world, options, person, end }
}

async function conditionOf(world: ProxyWorld, type: string): Promise<string | undefined> {
  const os = await world.admin.get(OSES, REF)
  return os?.status?.conditions?.find((each) => each.type === type)?.reason
}

test('allowTrial() lifts the halt for one more trial, whose success ends the rollout', async () => {
  const { world, options, person, end } = await haltedWorld()
  const first = await world.verdict()
  expect(first?.outcome).toBe('FellBack')
  await world.pass(600_000)
  expect(world.calls.filter((call) => call === 'upgrade')).toHaveLength(1)

  options.trial = 'Committed'
  await allowTrial(person, REF, [])
  await world.until('another verdict', async () => (await world.verdict())?.id !== first?.id)
  expect(await world.verdict()).toMatchObject({ outcome: 'Succeeded' })
  expect((await world.operation())?.attempt).toMatch(/^token-/)
  await world.until('done', async () => (await conditionOf(world, 'Progressing')) === 'Complete')
  expect(await conditionOf(world, 'Paused')).toBe('NotPaused')
  await end()
})

test('allowTrial() lifts it once: a second fallback halts again', async () => {
  const { world, person, end } = await haltedWorld()
  const first = await world.verdict()
  await allowTrial(person, REF, ['n1'])
  await world.until('another verdict', async () => (await world.verdict())?.id !== first?.id)
  await world.until('halted', async () => (await conditionOf(world, 'Paused')) === 'Halted')
  await world.pass(600_000)
  expect(world.calls.filter((call) => call === 'upgrade')).toHaveLength(2)
  await end()
})

test('allowTrial() works after the object was deleted and applied again', async () => {
  const { world, options, person, end } = await haltedWorld()
  await world.admin.delete(OSES, REF)
  await world.pass(5000)
  await world.applyOs(SPEC)
  await world.until('refused', async () => {
    const os = await world.admin.get(OSES, REF)
    return os?.status?.reasons?.[0]?.reason === 'ImageFailedHere'
  })
  options.trial = 'Committed'
  await allowTrial(person, REF, [])
  await world.until('done', async () => (await conditionOf(world, 'Progressing')) === 'Complete')
  await end()
})

test('allowTrial() works when a failed image is asked for again', async () => {
  const { world, options, person, end } = await haltedWorld()
  const image = (await world.admin.get(OSES, REF))?.spec?.osversion
  options.trial = 'Committed'
  await world.patchOs({ spec: { osversion: 'KubeOS v9', checksum: 'cd'.repeat(32) } })
  await world.until('other', async () => (await conditionOf(world, 'Progressing')) === 'Complete')
  await world.patchOs({ spec: { osversion: image, checksum: 'ab'.repeat(32) } })
  await world.until('halted', async () => (await conditionOf(world, 'Paused')) === 'Halted')
  await allowTrial(person, REF, [])
  await world.until('done', async () => (await conditionOf(world, 'Progressing')) === 'Complete')
  await end()
})
