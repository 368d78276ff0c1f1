// A virtual node's power: on until the lab stops, off with a reason when QEMU cannot run; what was
// booted is read from the serial line, once per boot.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemClock } from '@kubenest/base/clock'
import { systemExec } from '@kubenest/base/system-exec'
import type { GuestConfig } from '../qemu/guest-config.ts'
import type { LabDeps } from './control-plane.ts'
import { labPaths } from './lab-paths.ts'
import type { LabNodeRecord } from './lab-record.ts'
import { runVmNode } from './vm-node.ts'

const REBOOTED = 0
const KILLED = 137

function serial(slot: 'A' | 'B', version: string): string {
  const line = `root=x kubenest.env=primary${slot === 'B' ? ' kubenest.trial=1' : ''}`
  return `  Booting \`${slot}'\r\nkubenest-lab: booted\r\nPRETTY_NAME="${version}"\r\n${line}\r\n`
}

let root = ''
beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'vm-node-'))
  await fs.mkdir(path.join(root, 'logs'))
})
afterEach(() => fs.rm(root, { recursive: true }))

/** Boots in turn: what a guest prints, and the exit code of its QEMU. The lab stops after them. */
async function run(boots: readonly { text: string; exitCode: number }[]) {
  const stop = new AbortController()
  const record: LabNodeRecord = { name: 'vm-1', kind: 'vm', power: 'off', boots: [] }
  const guest: GuestConfig = {
    name: 'vm-1',
    disk: 'disk',
    firmwareVariables: 'vars',
    memoryMib: 1,
    cpus: 1,
    accelerator: 'tcg',
    address: '10.0.2.15',
    forwards: [],
    diskCache: 'unsafe',
    endsAtReboot: true,
    credentials: [],
    qmpSocket: path.join(root, 'qmp.sock'),
    serialLog: path.join(root, 'serial.log'),
  }
  const powers: string[] = []
  let started = 0
  let booted = 0
  /** The node has looked at the serial line: its record shows the panic, or the boot. */
  const hasLooked = (boot: { text: string }) =>
    boot.text.includes('panic')
      ? record.power === 'panicked'
      : !boot.text.includes('booted') || record.boots.length === booted
  const runGuest = async (boot: { text: string; exitCode: number }) => {
    await fs.writeFile(guest.serialLog, boot.text)
    if (boot.text.includes('booted')) booted++
    for (let tries = 0; !hasLooked(boot) && tries < 5000; tries++) await Bun.sleep(1)
    if (started === boots.length && boot.exitCode !== 1) stop.abort()
    return boot.exitCode
  }
  const deps: LabDeps = {
    clock: { ...systemClock, sleep: (_, signal) => systemClock.sleep(1, signal) },
    exec: systemExec,
    paths: labPaths(root),
    request: { name: 'x', lightNodes: 0, cacheRoot: root, operator: false, programs: NO_PROGRAMS },
    processes: {
      start: (name, argv, options) => {
        expect([name, argv[0], options?.onExit]).toEqual([
          'guest-vm-1',
          'qemu-system-x86_64',
          'forget',
        ])
        const boot = boots[started++] ?? { text: '', exitCode: 1 }
        const exited = runGuest(boot)
        return { exited, stop: async () => {}, keepRunning: () => {} }
      },
      list: () => [],
      stopAll: async () => {},
    },
    changed: () => powers.push(record.power),
    step: async () => {},
    stop: stop.signal,
  }
  await runVmNode(deps, { guest, record })
  return { record, powers, started }
}

const NO_PROGRAMS = { etcd: '', 'kube-apiserver': '', 'kube-controller-manager': '', kubectl: '' }

test('runVmNode() starts a guest again after its reboot, and notes each boot once', async () => {
  const { record, powers } = await run([
    { text: serial('A', 'KubeOS v1'), exitCode: REBOOTED },
    { text: serial('B', 'KubeOS v2'), exitCode: REBOOTED },
  ])
  expect(
    record.boots.map(({ slot, version, trial, outcome }) => [slot, version, trial, outcome]),
  ).toEqual([
    ['A', 'KubeOS v1', false, 'boots'],
    ['B', 'KubeOS v2', true, 'boots'],
  ])
  expect(powers).toEqual(['boot-loader', 'running', 'boot-loader', 'running'])
})

test('runVmNode() gives power back after a power cut', async () => {
  const { started, record } = await run([
    { text: '', exitCode: KILLED },
    { text: serial('A', 'KubeOS v1'), exitCode: REBOOTED },
  ])
  expect(started).toBe(2)
  expect(record.power).toBe('running')
})

test('runVmNode() marks a boot that panics', async () => {
  const text = `${serial('B', 'KubeOS v3')}[ 9.1] Kernel panic - not syncing: broken\r\n`
  const { record, powers } = await run([{ text, exitCode: REBOOTED }])
  expect(record.boots.map(({ outcome }) => outcome)).toEqual(['panics'])
  expect(powers.at(-1)).toBe('panicked')
})

test('runVmNode() turns a node off that QEMU cannot run, and says what QEMU said', async () => {
  await fs.writeFile(path.join(root, 'logs/guest-vm-1.log'), 'could not open disk\n')
  const { record, started } = await run([{ text: '', exitCode: 1 }])
  expect(started).toBe(1)
  expect(record.power).toBe('off')
  expect(record.reason).toContain('QEMU ended with 1: could not open disk')
})

test('runVmNode() keeps the console of every boot', async () => {
  await run([
    { text: serial('A', 'KubeOS v1'), exitCode: REBOOTED },
    { text: serial('B', 'KubeOS v2'), exitCode: REBOOTED },
  ])
  const log = await fs.readFile(path.join(root, 'logs/vm-1-console.log'), 'utf8')
  expect(log).toBe(serial('A', 'KubeOS v1') + serial('B', 'KubeOS v2'))
})
