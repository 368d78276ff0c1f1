// The systemd units as text: what they must say, and must not, for the agent to work and to be
// safe.
import { describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import path from 'node:path'

const FOLDER = path.join(import.meta.dir, '../../../deploy/systemd')
const SERVICES = ['os-agent', 'kubenest-trial', 'kubenest-gate', 'kubenest-deadline']

/** Assignments of a unit, comments left out. */
async function linesOf(unit: string): Promise<string[]> {
  const text = await fs.readFile(path.join(FOLDER, unit), 'utf8')
  return text.split('\n').filter((line) => /^[A-Za-z]+=/.test(line))
}

describe('systemd units', () => {
  for (const name of SERVICES)
    test(`${name}.service lets nobody steer the runtime by its environment`, async () => {
      const lines = await linesOf(`${name}.service`)
      const unset = lines.find((line) => line.startsWith('UnsetEnvironment=')) ?? ''
      for (const variable of ['BUN_OPTIONS', 'BUN_BE_BUN', 'BUN_INSPECT', 'BUN_CONFIG_FILE'])
        expect(unset.split(/[= ]/)).toContain(variable)
      expect(lines).toContain('WorkingDirectory=/')
    })

  test('os-agent.service keeps what the agent needs: compiled code, block devices, settings', async () => {
    const lines = await linesOf('os-agent.service')
    // Each of these denies memory for compiled code, slots, a kernel value, or set-uid programs.
    for (const word of [
      'MemoryDenyWriteExecute',
      'PrivateDevices',
      'DeviceAllow',
      'DevicePolicy',
      'ProtectClock',
      'ProtectKernelTunables',
      'ProtectHostname',
      'PrivateNetwork',
      'RestrictSUIDSGID',
    ])
      expect(lines.filter((line) => line.startsWith(`${word}=`))).toEqual([])
    // Logins of private registries are there.
    expect(lines).toContain('ProtectHome=read-only')
  })

  test('os-agent.service may write where settings, marks, menu and journal are, and nowhere else', async () => {
    const lines = await linesOf('os-agent.service')
    expect(lines).toContain('ProtectSystem=strict')
    const paths = lines.find((line) => line.startsWith('ReadWritePaths='))?.split(/[= ]/) ?? []
    expect(paths.slice(1).map((each) => each.replace(/^-/, ''))).toEqual([
      '/etc',
      '/run',
      '/boot',
      '/persist',
      '/var',
    ])
  })

  test('os-agent.service refuses calls beyond its filter without ending the agent', async () => {
    const lines = await linesOf('os-agent.service')
    expect(lines).toContain('SystemCallErrorNumber=EPERM')
    expect(lines).toContain('SystemCallArchitectures=native')
    expect(lines).toContain('NoNewPrivileges=yes')
  })

  test('os-agent.service ends its children with it and always comes back', async () => {
    const lines = await linesOf('os-agent.service')
    expect(lines).toContain('KillMode=mixed')
    expect(lines).toContain('Restart=on-failure')
    expect(lines).toContain('StartLimitIntervalSec=0')
  })

  test('kubenest-gate.service holds back boot-complete.target and survives being killed', async () => {
    const lines = await linesOf('kubenest-gate.service')
    expect(lines).toContain('RequiredBy=boot-complete.target')
    expect(lines).toContain('Before=boot-complete.target')
    expect(lines).toContain('Restart=on-failure')
    expect(lines).toContain('RestartPreventExitStatus=75')
  })

  test('kubenest-softdog.service comes after the drivers, only where they brought nothing, and holds up no boot', async () => {
    const lines = await linesOf('kubenest-softdog.service')
    expect(lines.filter((line) => line.startsWith('Exec'))).toEqual([
      'ExecCondition=-/usr/bin/udevadm settle --timeout=60',
      'ExecCondition=/usr/bin/test ! -e /dev/watchdog0',
      'ExecStart=-/usr/sbin/modprobe softdog',
    ])
    expect(lines).toContain('After=systemd-udev-trigger.service')
    expect(lines).toContain('DefaultDependencies=no')
    expect(lines.filter((line) => line.startsWith('Before='))).toEqual(['Before=shutdown.target'])
  })

  test('kubenest-deadline depends on no other part that could hang', async () => {
    const lines = [
      ...(await linesOf('kubenest-deadline.timer')),
      ...(await linesOf('kubenest-deadline.service')),
    ]
    const needs = lines.filter((line) =>
      /^(?:Requires|Requisite|BindsTo|RequiresMountsFor)=/.test(line),
    )
    expect(needs).toEqual([])
    expect(lines.filter((line) => line.includes('os-agent.s'))).toEqual([])
  })
})
