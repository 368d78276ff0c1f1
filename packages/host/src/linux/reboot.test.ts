// The reboot: orderly, and a hard one that the shutdown itself cannot stop.
import { describe, expect, test } from 'bun:test'
import { tmpdir } from 'node:os'
import { OsError } from '@kubenest/base/errors'
import type { Exec } from '@kubenest/base/exec'
import { silentLogger } from '@kubenest/base/log'
import { createFakeClock } from '../../test/agent/fake-clock.ts'
import { rebootSystem } from './reboot.ts'

function recorder(fails: (program: string) => boolean = () => false) {
  const calls: string[] = []
  const exec: Exec = {
    async run({ argv }) {
      calls.push(argv.join(' '))
      if (fails(argv[0]))
        throw new OsError('host', { code: 'command-not-started', message: 'Cannot run it' })
      return { exitCode: 0, stdout: '', stderr: '' }
    },
  }
  return { calls, exec }
}

const ORDERLY = 'systemctl --no-block reboot'

describe('rebootSystem()', () => {
  test('rebootSystem() plants a hard reboot outside this process before it asks for the orderly one', async () => {
    const { calls, exec } = recorder()
    await rebootSystem({
      exec,
      clock: createFakeClock(),
      log: silentLogger,
      systemdFolder: tmpdir(),
    })
    expect(calls).toHaveLength(2)
    expect(calls[0]).toStartWith('systemd-run ')
    expect(calls[0]).toContain('--on-active=120s')
    // Else the shutdown would stop the timer, or refuse the service.
    expect(calls[0]).toContain('--timer-property=DefaultDependencies=no')
    expect(calls[0]).toContain(' --property=DefaultDependencies=no')
    expect(calls[0]).toEndWith('systemctl reboot --force --force')
    expect(calls[1]).toBe(ORDERLY)
  })

  test('rebootSystem() reboots where no timer can be planted', async () => {
    const { calls, exec } = recorder((program) => program === 'systemd-run')
    await rebootSystem({
      exec,
      clock: createFakeClock(),
      log: silentLogger,
      systemdFolder: tmpdir(),
    })
    expect(calls[1]).toBe(ORDERLY)
  })

  test('rebootSystem() asks no systemd that does not run', async () => {
    const { calls, exec } = recorder()
    await rebootSystem({
      exec,
      clock: createFakeClock(),
      log: silentLogger,
      systemdFolder: '/nowhere',
    })
    expect(calls).toEqual([ORDERLY])
  })

  test('rebootSystem() forces the reboot when this process is still here after two minutes', async () => {
    const { calls, exec } = recorder()
    const clock = createFakeClock()
    await rebootSystem({ exec, clock, log: silentLogger, systemdFolder: '/nowhere' })
    await clock.advance(119_000)
    expect(calls).toEqual([ORDERLY])
    await clock.advance(2_000)
    expect(calls).toEqual([ORDERLY, 'systemctl reboot --force --force'])
  })
})
