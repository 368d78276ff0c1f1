// A virtual node from power-on to power-off: QEMU ends when the guest reboots, and is started
// again, as often as it takes, until the lab stops. What was booted is read from the serial line.
import { toOsError } from '@kubenest/base/errors'
import { appendText, readText, removePath } from '@kubenest/base/files'
import { type GuestConfig, renderQemuArgv } from '../qemu/guest-config.ts'
import { type LabDeps, lastLines } from './control-plane.ts'
import type { LabNodeRecord } from './lab-record.ts'
import { readConsole } from './vm-console.ts'

/** One virtual node of a lab. */
export interface VmNode {
  readonly guest: GuestConfig
  readonly record: LabNodeRecord
}

const LOOK_MS = 500
/** Exit code of a guest that was killed: a power cut, after which power comes back. */
const KILLED = 128 + 9

/** Runs the node until the lab stops. Never throws: a node that cannot start stays off. */
export async function runVmNode(deps: LabDeps, node: VmNode): Promise<void> {
  try {
    while (!deps.stop.aborted) await bootGuest(deps, node)
  } catch (error) {
    if (deps.stop.aborted) return
    node.record.power = 'off'
    node.record.reason = toOsError(error).message
    deps.changed()
  }
}

async function bootGuest(deps: LabDeps, node: VmNode): Promise<void> {
  const { guest, record } = node
  record.power = 'boot-loader'
  deps.changed()
  await removePath(guest.qmpSocket)
  await removePath(guest.serialLog)
  const child = deps.processes.start(guestProcess(record.name), renderQemuArgv(guest), {
    onExit: 'forget',
  })
  const ended = new AbortController()
  const following = followConsole(deps, node, ended.signal)
  const exitCode = await child.exited
  ended.abort()
  await following
  appendText(
    `${deps.paths.logs}/${record.name}-console.log`,
    (await readText(guest.serialLog)) ?? '',
  )
  if (exitCode === 0 || exitCode === KILLED || deps.stop.aborted) return
  const reason = await lastLines(`${deps.paths.logs}/${guestProcess(record.name)}.log`)
  throw new Error(`QEMU ended with ${exitCode}: ${reason}`)
}

/** Name of a node's QEMU among the lab's processes. */
export function guestProcess(node: string): string {
  return `guest-${node}`
}

/** Notes the boot when the guest tells of it, and a panic when there is one. */
async function followConsole(deps: LabDeps, node: VmNode, ended: AbortSignal): Promise<void> {
  const boot = { noted: false }
  while (!ended.aborted) {
    await deps.clock.sleep(LOOK_MS, ended).catch(() => {
      // The guest has ended: one last look.
    })
    noteConsole(deps, node, boot, (await readText(node.guest.serialLog)) ?? '')
  }
}

function noteConsole(deps: LabDeps, node: VmNode, boot: { noted: boolean }, text: string): void {
  const { record } = node
  const { slot, booted, panicked } = readConsole(text)
  if (!boot.noted && slot !== undefined && booted !== undefined) {
    boot.noted = true
    const at = new Date(deps.clock.nowMs()).toISOString()
    record.boots.push({ at, slot, ...booted, outcome: 'boots' })
    record.power = 'running'
    deps.changed()
  }
  const last = record.boots.at(-1)
  if (!boot.noted || !panicked || last === undefined || last.outcome === 'panics') return
  last.outcome = 'panics'
  record.power = 'panicked'
  deps.changed()
}
