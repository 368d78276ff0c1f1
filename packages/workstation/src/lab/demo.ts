// `lab demo`: a lab from nothing, three acts, a page of what was seen, and nothing left behind.
import { OsError } from '@kubenest/base/errors'
import { runOrThrow } from '@kubenest/base/exec'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { kubectlCommand, lastLines } from './control-plane.ts'
import { allSeen, renderReport, type StepResult } from './demo-report.ts'
import { actTimeoutMs, DEMO_STEPS, type DemoStep, type StepHistory } from './demo-script.ts'
import type { FleetView } from './fleet-view.ts'
import { stopLab } from './lab-down.ts'
import type { LabLocation } from './lab-location.ts'
import { readLabRequest } from './lab-record.ts'
import { type LabCommandDeps, startLab } from './lab-up.ts'
import { createLiveTable } from './live-table.ts'
import { labClient, readFleet } from './read-fleet.ts'

/** What the demo shows and leaves. */
export interface DemoOptions {
  readonly light: number
  readonly vm: number
  /** Leaves the lab running. */
  readonly keep: boolean
}

/** Where the demo draws. */
export interface DemoDeps extends LabCommandDeps {
  readonly write: (text: string) => void
  readonly columns: number | undefined
}

const LOOK_MS = 400
const LIGHT_BOOT_TIMEOUT_MS = 60_000
const VM_BOOT_TIMEOUT_MS = 600_000

/** Plays the demo; the exit code is 0 only when everything was really seen. */
export async function runDemo(
  deps: DemoDeps,
  location: LabLocation,
  options: DemoOptions,
): Promise<number> {
  const startedMs = deps.clock.monotonicMs()
  for (const line of INTRODUCTION) deps.say(line)
  await startLab(deps, location, {
    light: options.light,
    vm: options.vm,
    vmVersions: ['v1', 'v2', 'v3'],
    operator: true,
  })
  try {
    return await showDemo(deps, location, startedMs)
  } catch (error) {
    if (!deps.stop.aborted) throw error
    deps.say('Interrupted.')
    return INTERRUPTED_EXIT_CODE
  } finally {
    await endDemo(deps, location, options)
  }
}

const INTERRUPTED_EXIT_CODE = 130

async function showDemo(deps: DemoDeps, location: LabLocation, startedMs: number): Promise<number> {
  const client = await labClient(location.paths)
  const results = await playActs(deps, location, client)
  const seen = allSeen(results, DEMO_STEPS.length)
  const fleet = await readFleet(client, location.paths)
  for (const line of ['', ...renderReport(results, fleet), '']) deps.say(line)
  if (!seen) await tellLogs(deps, location)
  const seconds = ((deps.clock.monotonicMs() - startedMs) / 1000).toFixed(0)
  deps.say(
    seen ? `Everything was seen, in ${seconds} s.` : `Not everything was seen (${seconds} s).`,
  )
  return seen ? 0 : 1
}

const INTRODUCTION = [
  'KubeNest demo: a Kubernetes cluster upgrades the operating systems of its own nodes.',
  '',
  'A lab starts on this machine: a real etcd, API server and controller manager, our operator, and',
  'nodes. A virtual node is a machine under QEMU with kubelet, containerd and the proxy in a pod. A',
  'light node is the real agent and the real proxy over two slot files, booted as the real GRUB',
  'decides; only kernel and kubelet are stand-ins. Everything is on loopback.',
  '',
]

async function playActs(
  deps: DemoDeps,
  location: LabLocation,
  client: KubeClient,
): Promise<StepResult[]> {
  const results: StepResult[] = []
  let fleet = await waitForFleet(deps, location, client)
  for (const [index, step] of DEMO_STEPS.entries()) {
    deps.say('')
    deps.say(`Act ${index + 1} of ${DEMO_STEPS.length}. ${step.title}`)
    for (const line of step.story) deps.say(`  ${line}`)
    deps.say('')
    const { result, last } = await playAct(deps, { location, client, step, before: fleet })
    results.push(result)
    fleet = last
    if (result.expectations.some((each) => !each.seen)) break
  }
  return results
}

async function waitForFleet(
  deps: DemoDeps,
  location: LabLocation,
  client: KubeClient,
): Promise<FleetView> {
  const startedMs = deps.clock.monotonicMs()
  const table = createLiveTable(deps.write, deps.columns)
  for (;;) {
    const fleet = await readFleet(client, location.paths)
    if (fleet.nodes.every((node) => node.ready)) return fleet
    const hasVms = fleet.nodes.some((node) => node.kind === 'vm')
    if (hasVms) table.draw(fleet, deps.clock.nowMs())
    const limitMs = hasVms ? VM_BOOT_TIMEOUT_MS : LIGHT_BOOT_TIMEOUT_MS
    if (deps.clock.monotonicMs() - startedMs > limitMs) throw notReady(fleet, limitMs)
    await deps.clock.sleep(LOOK_MS, deps.stop)
  }
}

function notReady(fleet: FleetView, limitMs: number): OsError {
  const names = fleet.nodes.filter((node) => !node.ready).map((node) => node.name)
  return new OsError('host', {
    code: 'lab-nodes-not-ready',
    message: `Cannot play the demo: ${names.join(', ')} not Ready within ${limitMs / 1000} s`,
  })
}

interface Act {
  readonly location: LabLocation
  readonly client: KubeClient
  readonly step: DemoStep
  readonly before: FleetView
}

async function playAct(deps: DemoDeps, act: Act): Promise<{ result: StepResult; last: FleetView }> {
  const { step, location, before } = act
  const { clock } = deps
  const file = `${location.paths.manifests}/${step.manifest}`
  deps.say(`  $ kubectl apply -f ${file}`)
  deps.say('')
  const startedMs = clock.monotonicMs()
  await applyFile(deps, location, file)
  const table = createLiveTable(deps.write, deps.columns)
  const timeoutMs = actTimeoutMs(before)
  let history: StepHistory = { before, mostBusy: {} }
  for (;;) {
    const fleet = await readFleet(act.client, location.paths)
    history = { ...history, mostBusy: countBusy(history.mostBusy, fleet) }
    table.draw(fleet, clock.nowMs())
    const expectations = step.expect(fleet, history)
    const durationMs = clock.monotonicMs() - startedMs
    if (expectations.every((each) => each.seen) || durationMs > timeoutMs)
      return { result: { title: step.title, durationMs, expectations }, last: fleet }
    await clock.sleep(LOOK_MS, deps.stop)
  }
}

function countBusy(before: StepHistory['mostBusy'], fleet: FleetView): StepHistory['mostBusy'] {
  const count = (kind: string) =>
    fleet.nodes.filter((node) => node.busy && node.kind === kind).length
  const kinds = [...new Set(fleet.nodes.map((node) => node.kind))]
  return Object.fromEntries(kinds.map((kind) => [kind, Math.max(before[kind] ?? 0, count(kind))]))
}

async function applyFile(deps: DemoDeps, location: LabLocation, file: string): Promise<void> {
  const request = await readLabRequest(location.paths.request)
  const argv = kubectlCommand({ request, paths: location.paths }, ['apply', '-f', file])
  const env = { HOME: location.paths.root }
  await runOrThrow(deps.exec, `apply ${file}`, { argv, env, timeoutMs: 60_000 })
}

async function tellLogs(deps: DemoDeps, location: LabLocation): Promise<void> {
  for (const name of ['operator', 'proxy-light-1', 'agent-light-1', 'node-light-1'])
    deps.say(`${name}: ${await lastLines(`${location.paths.logs}/${name}.log`)}`)
}

async function endDemo(deps: DemoDeps, location: LabLocation, options: DemoOptions): Promise<void> {
  if (!options.keep) {
    await stopLab(deps, location.paths)
    return deps.say('The lab is gone; --keep leaves it running.')
  }
  const name = location.name === 'default' ? '' : ` --name ${location.name}`
  deps.say(`The lab still runs: kubenest lab kubectl${name} -- get os,osinstances,nodes`)
  deps.say(`Stop it with: kubenest lab down${name}`)
}
