// A fleet whose programs die and whose API server goes away in the middle of rollouts: it arrives
// all the same, with the cap kept and no reboot too many.
import { expect } from 'bun:test'
import { createPrng } from '../../packages/sim/src/fakes/prng.ts'
import {
  applyOs,
  bootCounts,
  expectCapKept,
  type Fleet,
  type GoodVersion,
  NODE_NAMES,
  readInstance,
  readOs,
  scenario,
  until,
  untilAllRun,
  untilCondition,
  upgradeTo,
  versionsOf,
} from './fleet.ts'

const KILLS = 50
const KILL_PAUSE_MS_MAX = 900
const OUTAGE_MS = 30_000
const CONVERGE_MS = 60_000

scenario(`operator and proxies killed ${KILLS} times`, async (fleet) => {
  const victims = ['operator', ...NODE_NAMES.map((name) => `proxy-${name}`)]
  await killThroughRollouts(fleet, victims, KILLS)
})

scenario('agents killed 20 times beside them', async (fleet) => {
  const victims = [
    'operator',
    ...NODE_NAMES.flatMap((name) => [`proxy-${name}`, `agent-${name}`, `agent-${name}`]),
  ]
  await killThroughRollouts(fleet, victims, 20)
})

scenario('an API server that is away for 30 s in three ways', async (fleet) => {
  const { lab } = fleet
  const { other } = await versionsOf(fleet)
  const [mark, boots] = [fleet.history.mark(), bootCounts(fleet)]
  applyOs(fleet, 'outage', upgradeTo(fleet, other))
  await until(fleet, 'a node that is past its preparation', 60_000, async () => {
    const { metadata } = await readInstance(fleet, 'light-1')
    return metadata.annotations?.['kubenest.io/operation']?.includes('Preparing') === true
      ? undefined
      : metadata.annotations?.['kubenest.io/operation']
  })
  const awayMs = performance.now()
  // First it is silent, then it breaks every connection, and comes back only to be silent again.
  process.kill(lab.pidOf('kube-apiserver'), 'SIGSTOP')
  await Bun.sleep(OUTAGE_MS / 3)
  const dead = lab.pidOf('kube-apiserver')
  process.kill(dead, 'SIGKILL')
  const next = await until(fleet, 'the next API server', 20_000, () => {
    const pid = lab.pidOf('kube-apiserver')
    return pid === dead ? undefined : pid
  })
  process.kill(next, 'SIGSTOP')
  await Bun.sleep(Math.max(0, OUTAGE_MS - (performance.now() - awayMs)))
  process.kill(next, 'SIGCONT')
  await untilServed(fleet)
  const backMs = performance.now()
  await untilAllRun(fleet, `KubeOS ${other}`, CONVERGE_MS)
  process.stderr.write(
    `e2e: converged ${((performance.now() - backMs) / 1000).toFixed(1)} s after the return\n`,
  )
  await expectCapKept(fleet, mark, 2)
  for (const name of NODE_NAMES)
    expect([name, bootCounts(fleet)[name]]).toEqual([name, (boots[name] ?? 0) + 1])
  await untilCondition(fleet, 'outage', ['Progressing', 'False', 'Complete'])
  expect((await readOs(fleet, 'outage')).status).toMatchObject({ updated: 4, failed: 0 })
})

/** Kills parts at random, at random moments, through as many rollouts as that takes. */
async function killThroughRollouts(
  fleet: Fleet,
  victims: readonly string[],
  kills: number,
): Promise<void> {
  const seed = Number(process.env['KUBENEST_SEED'] ?? crypto.getRandomValues(new Uint16Array(1))[0])
  process.stderr.write(`e2e: KUBENEST_SEED=${seed} repeats these kills\n`)
  const random = createPrng(seed)
  let { other } = await versionsOf(fleet)
  for (let killed = 0, rollouts = 1; killed < kills; rollouts += 1) {
    const [mark, boots] = [fleet.history.mark(), bootCounts(fleet)]
    const name = `killed-${rollouts}`
    applyOs(fleet, name, upgradeTo(fleet, other))
    while (killed < kills && !(await isEverywhere(fleet, other, name))) {
      await Bun.sleep(random() * KILL_PAUSE_MS_MAX)
      if (fleet.lab.kill(victims[Math.floor(random() * victims.length)] ?? '')) killed += 1
    }
    await untilAllRun(fleet, `KubeOS ${other}`)
    await until(fleet, `${name} is complete`, 30_000, async () =>
      (await isEverywhere(fleet, other, name)) ? true : undefined,
    )
    await expectCapKept(fleet, mark, 2)
    for (const node of NODE_NAMES)
      expect([node, bootCounts(fleet)[node]]).toEqual([node, (boots[node] ?? 0) + 1])
    process.stderr.write(`e2e: ${killed} kills, ${rollouts} rollouts\n`)
    fleet.lab.kubectl(['delete', 'os', name])
    other = other === 'v1' ? 'v2' : 'v1'
  }
}

async function isEverywhere(fleet: Fleet, version: GoodVersion, name: string): Promise<boolean> {
  const { status, spec } = await readOs(fleet, name)
  return spec?.osversion === `KubeOS ${version}` && status?.updated === NODE_NAMES.length
}

async function untilServed({ lab }: Fleet): Promise<void> {
  const deadlineMs = performance.now() + CONVERGE_MS
  for (;;) {
    try {
      lab.kubectl(['get', '--raw=/readyz', '--request-timeout=2s'])
      return
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
      await Bun.sleep(500)
    }
  }
}
