// A light node from power-on to power-off: GRUB decides, the chosen slot is unpacked, its "kernel"
// boots or panics, and then the agent's units run as systemd would run them, until a reboot is
// asked for.
import { toOsError } from '@kubenest/base/errors'
import { removePath, stat } from '@kubenest/base/files'
import type { Logger } from '@kubenest/base/log'
import { programCommand } from '@kubenest/base/self-program'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { askGrub } from './ask-grub.ts'
import { prepareBoot, readBootedSlot } from './boot-light-slot.ts'
import type { LabDeps } from './control-plane.ts'
import type { LabNodeRecord } from './lab-record.ts'
import { runLightKubelet } from './light-kubelet.ts'
import type { LightNodePaths, LightPartitions } from './light-layout.ts'
import { sandboxCommand } from './light-sandbox.ts'
import { REBOOT_REQUEST } from './light-systemctl.ts'
import { runDeadlineTimer, runOnce } from './light-units.ts'

/** One light node of a lab. */
export interface LightNode {
  readonly name: string
  readonly paths: LightNodePaths
  readonly partitions: LightPartitions
  readonly usr: string
  /** Talks to the API server with the node's own certificate. */
  readonly client: KubeClient
  /** Kubeconfig of the proxy. */
  readonly proxyKubeconfig: string
  readonly record: LabNodeRecord
  readonly log: Logger
}

/** `panic=3` on the kernel line: the time from a panic to the reboot. */
const PANIC_MS = 3000
const LOOK_MS = 100
const STOP_GRACE_MS = 1000

/**
 * Boots the node again and again until the lab stops. Never throws: a node that cannot boot stays
 * off.
 */
export async function runLightNode(deps: LabDeps, node: LightNode): Promise<void> {
  try {
    while (!deps.stop.aborted) await bootOnce(deps, node)
  } catch (error) {
    if (deps.stop.aborted) return
    const { message } = toOsError(error)
    node.log.error('node is off', { message })
    setPower(deps, node, 'off', message)
  }
}

async function bootOnce(deps: LabDeps, node: LightNode): Promise<void> {
  setPower(deps, node, 'boot-loader')
  const decision = await askGrub(deps.exec, node.paths, node.partitions)
  if (decision === undefined) throw new Error('GRUB found no slot that boots')
  const slot = await readBootedSlot(deps.exec, node.paths, decision.slot)
  const trial = decision.kernelArguments.includes('kubenest.trial=1')
  node.record.boots.push({
    at: new Date(deps.clock.nowMs()).toISOString(),
    slot: decision.slot,
    version: slot.version,
    trial,
    outcome: slot.kernel,
  })
  node.log.info('boot', { slot: decision.slot, version: slot.version, trial, kernel: slot.kernel })
  if (slot.kernel === 'panics') {
    setPower(deps, node, 'panicked')
    return await deps.clock.sleep(PANIC_MS, deps.stop)
  }
  const bootId = crypto.randomUUID()
  await prepareBoot(node.paths, decision, bootId)
  setPower(deps, node, 'running')
  await runUserland(deps, node, { bootId, osImage: slot.version })
}

/** Runs until the node asks for a reboot or the lab stops. */
async function runUserland(
  deps: LabDeps,
  node: LightNode,
  boot: { readonly bootId: string; readonly osImage: string },
): Promise<void> {
  const down = new AbortController()
  const signal = AbortSignal.any([deps.stop, down.signal])
  const agent = sandboxed(node, [])
  await runOnce(deps, node, 'trial-start', sandboxed(node, ['trial-start']))
  const children = [
    deps.processes.start(`agent-${node.name}`, agent, { onExit: 'restart' }),
    deps.processes.start(`proxy-${node.name}`, proxyCommand(node), {
      onExit: 'restart',
      env: { NODE_NAME: node.name, KUBECONFIG: node.proxyKubeconfig, NO_COLOR: '1' },
    }),
    deps.processes.start(`gate-${node.name}`, sandboxed(node, ['gate']), { onExit: 'forget' }),
  ]
  const { client, log } = node
  const kubelet = runLightKubelet(
    { client, clock: deps.clock, log, node: node.name, ...boot },
    signal,
  )
  const deadline = runDeadlineTimer(deps, node, sandboxed(node, ['deadline']), signal)
  await waitForReboot(deps, node)
  down.abort()
  await Promise.all([kubelet, deadline, ...children.map((child) => child.stop(STOP_GRACE_MS))])
}

function sandboxed(node: LightNode, args: readonly string[]): [string, ...string[]] {
  const agent = programCommand('kubenest-host', 'os-agent')
  const visible = [...agent.paths, ...programCommand('kubenest', 'systemctl').paths]
  const spec = {
    node: node.name,
    paths: node.paths,
    partitions: node.partitions,
    usr: node.usr,
    visible: [...new Set(visible)],
  }
  return sandboxCommand(spec, [...agent.argv, ...args])
}

/**
 * In a cluster the proxy is a pod with the folder of the socket mounted; here it is a program
 * beside.
 */
function proxyCommand(node: LightNode): [string, ...string[]] {
  const socket = `${node.paths.run}/os-agent/os-agent.sock`
  return [...programCommand('kubenest-cluster', 'proxy').argv, '--socket', socket]
}

async function waitForReboot(deps: LabDeps, node: LightNode): Promise<void> {
  const request = `${node.paths.run}${REBOOT_REQUEST.replace(/^\/run/, '')}`
  while (!deps.stop.aborted) {
    if ((await stat(request)) !== undefined) return await removePath(request)
    await deps.clock.sleep(LOOK_MS, deps.stop).catch(() => {
      // The lab stops: the loop ends.
    })
  }
}

function setPower(
  deps: LabDeps,
  node: LightNode,
  power: LabNodeRecord['power'],
  reason?: string,
): void {
  node.record.power = power
  if (reason !== undefined) node.record.reason = reason
  deps.changed()
}
