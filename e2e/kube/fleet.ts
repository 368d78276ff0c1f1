// One light fleet for all scenarios: real API server, operator, proxies, agents and boot loader
// decisions. Each scenario brings its own OS object, deletes it when it is done, and leaves nodes
// that are idle, at one version.
import { expect, test } from 'bun:test'
import type { Node } from '@kubenest/api/core/objects'
import { LABELS, NODE_ANNOTATIONS, OS_API_VERSION } from '@kubenest/api/os/names'
import type { Os, OsInstance, OsSpec } from '@kubenest/api/os/os'
import { createFetchClient } from '@kubenest/kube/client/fetch-client'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { loadKubeConfig } from '@kubenest/kube/client/load-config'
import { NODES, OS_INSTANCES, OSES } from '@kubenest/kube/client/resources'
import { readFileSync } from 'node:fs'
import { FleetHistory, hasWorkLabel } from './fleet-history.ts'
import { describeFleet } from './fleet-report.ts'
import { startTestLab, type TestLab } from './harness.ts'

export const NODE_COUNT = 4
export const NODE_NAMES = Array.from({ length: NODE_COUNT }, (_, index) => `light-${index + 1}`)
/** Longest time of one scenario on a busy machine. */
const SCENARIO_LIMIT_MS = 300_000
const LOOK_MS = 200

/** Image versions that boot. */
export type GoodVersion = 'v1' | 'v2'

/** The running fleet. */
export interface Fleet {
  readonly lab: TestLab
  readonly client: KubeClient
  readonly history: FleetHistory
}

let shared: Promise<Fleet> | undefined

/** The fleet of this run; started at the first call, ends with this process. */
export async function sharedFleet(): Promise<Fleet> {
  shared ??= startFleet()
  return await shared
}

async function startFleet(): Promise<Fleet> {
  const lab = startTestLab({ light: NODE_COUNT, operator: true })
  const { kubeconfigPath } = lab
  const client = createFetchClient(await loadKubeConfig({ env: {}, kubeconfigPath }))
  const fleet = { lab, client, history: FleetHistory.start(client) }
  await until(fleet, 'all light nodes registered and idle', 60_000, async () =>
    (await leftovers(fleet)).length === 0 ? true : undefined,
  )
  return fleet
}

/** A test over the fleet: begins and ends with idle nodes, and tells how long it took. */
export function scenario(title: string, run: (fleet: Fleet) => Promise<void>): void {
  test(
    title,
    async () => {
      const fleet = await sharedFleet()
      await untilQuiet(fleet)
      const startMs = performance.now()
      try {
        await run(fleet)
      } catch (error) {
        process.stderr.write(`${describeFleet(fleet.lab)}\n`)
        throw error
      } finally {
        await forgetAll(fleet)
      }
      await untilQuiet(fleet)
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
      process.stderr.write(`e2e: ${seconds} s  ${title}\n`)
    },
    SCENARIO_LIMIT_MS,
  )
}

/** Waits until `look` gives something; the failure says what the fleet looked like instead. */
export async function until<T>(
  { lab }: Pick<Fleet, 'lab'>,
  what: string,
  limitMs: number,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadlineMs = performance.now() + limitMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    if (performance.now() > deadlineMs)
      throw new Error(`not seen within ${limitMs / 1000} s: ${what}\n${describeFleet(lab)}`)
    await Bun.sleep(LOOK_MS)
  }
}

/** Spec of an upgrade to one of the lab's images, with other members where given. */
export function upgradeTo({ lab }: Fleet, version: GoodVersion | 'v3', spec: OsSpec = {}): OsSpec {
  const manifest = JSON.parse(
    readFileSync(`${lab.stateFolder}/images/light-${version}.img.json`, 'utf8'),
  ) as { osversion: string; artefacts: { file: string; digest: string }[] }
  const artefact = manifest.artefacts.find(({ file }) => file.endsWith('.zst'))
  if (artefact === undefined) throw new Error(`no compressed image of ${version}`)
  return {
    opstype: 'upgrade',
    osversion: manifest.osversion,
    imagetype: 'disk',
    imageurl: `${lab.record().imageServer}/${artefact.file}`,
    checksum: artefact.digest,
    flagSafe: true,
    nodeselector: 'light',
    maxunavailable: 2,
    ...spec,
  }
}

/** Spec of a rollback to the version in the other slot. */
export function rollbackTo(version: GoodVersion, spec: OsSpec = {}): OsSpec {
  return {
    opstype: 'rollback',
    osversion: `KubeOS ${version}`,
    imagetype: 'disk',
    nodeselector: 'light',
    maxunavailable: 2,
    ...spec,
  }
}

/** Creates or replaces an OS object in `default`. */
export function applyOs({ lab }: Fleet, name: string, spec: OsSpec): void {
  const metadata = { name, namespace: 'default' }
  const object = { apiVersion: OS_API_VERSION, kind: 'OS', metadata, spec }
  lab.kubectl(['apply', '-f', '-'], JSON.stringify(object))
}

/** The OS object; it must exist. */
export async function readOs({ client }: Fleet, name: string): Promise<Os> {
  const os = await client.get(OSES, { name, namespace: 'default' })
  if (os === undefined) throw new Error(`there is no OS object ${name}`)
  return os
}

/** The OSInstance of a node; it must exist. */
export async function readInstance({ client }: Fleet, name: string): Promise<OsInstance> {
  const instance = await client.get(OS_INSTANCES, { name, namespace: 'default' })
  if (instance === undefined) throw new Error(`there is no OSInstance ${name}`)
  return instance
}

/** All nodes, by name. */
export async function readNodes({ client }: Fleet): Promise<Node[]> {
  const { items } = await client.list(NODES)
  return items.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
}

/** Message of a condition of an object when its status and reason are these. */
export function conditionMessage(
  object: Os | OsInstance,
  type: string,
  status: string,
  reason?: string,
): string | undefined {
  const found = object.status?.conditions?.find((each) => each.type === type)
  const fits = found?.status === status && (reason === undefined || found.reason === reason)
  return fits ? found.message : undefined
}

/** Waits for a condition of an OS object; gives its message. */
export async function untilCondition(
  fleet: Fleet,
  name: string,
  [type, status, reason]: readonly [string, string, string],
  limitMs = 60_000,
): Promise<string> {
  return await until(fleet, `${name}: ${type}=${status} ${reason}`, limitMs, async () =>
    conditionMessage(await readOs(fleet, name), type, status, reason),
  )
}

/** Waits until these nodes run a version, are schedulable, idle and unmarked. */
export async function untilAllRun(fleet: Fleet, version: string, limitMs = 150_000): Promise<void> {
  await until(fleet, `every node at ${version}`, limitMs, async () => {
    const wrong = (await readNodes(fleet)).filter(
      ({ status }) => status?.nodeInfo?.osImage !== version,
    )
    return wrong.length === 0 && (await leftovers(fleet)).length === 0 ? true : undefined
  })
}

/**
 * Which version all nodes run, and the other one that boots; levels what a failed scenario left.
 */
export async function versionsOf(fleet: Fleet): Promise<{ now: GoodVersion; other: GoodVersion }> {
  const found = new Set((await readNodes(fleet)).map(({ status }) => status?.nodeInfo?.osImage))
  if (found.size === 1 && found.has('KubeOS v2')) return { now: 'v2', other: 'v1' }
  if (found.size > 1) {
    applyOs(fleet, 'level', upgradeTo(fleet, 'v1', { maxunavailable: NODE_COUNT }))
    await untilAllRun(fleet, 'KubeOS v1')
    await forgetAll(fleet)
  }
  return { now: 'v1', other: 'v2' }
}

/** Boots of each node since the lab began. */
export function bootCounts({ lab }: Fleet): Record<string, number> {
  return Object.fromEntries(lab.record().nodes.map(({ name, boots }) => [name, boots.length]))
}

/** What keeps the fleet from being quiet: labels, cordons, work, missing OSInstances (I23). */
async function leftovers(fleet: Fleet): Promise<string[]> {
  const nodes = await readNodes(fleet)
  const { items: instances } = await fleet.client.list(OS_INSTANCES, { namespace: 'default' })
  const idle = new Set(
    instances
      .filter(({ spec }) => spec?.nodestatus === 'idle')
      .map(({ metadata }) => metadata.name),
  )
  return [
    ...NODE_NAMES.filter((name) => !idle.has(name)).map((name) => `${name} is not idle`),
    ...nodes.filter(hasWorkLabel).map(({ metadata }) => `${metadata.name} is labelled`),
    ...nodes.flatMap(({ metadata, spec }) =>
      spec?.unschedulable === true || NODE_ANNOTATIONS.cordonedBy in (metadata.annotations ?? {})
        ? [`${metadata.name} is cordoned`]
        : [],
    ),
    ...nodes
      .filter(({ status }) => !isReady(status))
      .map(({ metadata }) => `${metadata.name} is not Ready`),
  ]
}

function isReady(status: Node['status']): boolean {
  return (
    status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false
  )
}

/** Waits until nothing is left over anywhere. */
export async function untilQuiet(fleet: Fleet, limitMs = 90_000): Promise<void> {
  const deadlineMs = performance.now() + limitMs
  for (;;) {
    const found = await leftovers(fleet)
    if (found.length === 0) return
    if (performance.now() > deadlineMs)
      throw new Error(`the fleet is not quiet: ${found.join('; ')}\n${describeFleet(fleet.lab)}`)
    await Bun.sleep(LOOK_MS)
  }
}

/** Deletes every OS object and puts every node back under the selector `light`. */
async function forgetAll({ client, lab }: Fleet): Promise<void> {
  for (const { metadata } of (await client.list(OSES)).items)
    await client.delete(OSES, { name: metadata.name, namespace: metadata.namespace ?? 'default' })
  lab.kubectl(['label', 'nodes', '--all', '--overwrite', `${LABELS.nodeSelector}=light`])
}

/** Puts single nodes under selectors of their own. */
export function selectEach({ lab }: Fleet, values: Readonly<Record<string, string>>): void {
  for (const [node, value] of Object.entries(values))
    lab.kubectl(['label', 'node', node, '--overwrite', `${LABELS.nodeSelector}=${value}`])
}

/** Checks the whole record since a mark: cap, and nobody at work without a claim. */
export async function expectCapKept(fleet: Fleet, mark: number, cap: number): Promise<void> {
  await fleet.history.caughtUp()
  const peaks = fleet.history.peaksSince(mark, cap)
  expect(peaks.violations).toEqual([])
  expect(peaks).toMatchObject({ claims: cap, labelled: cap })
}
