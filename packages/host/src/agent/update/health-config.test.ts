// health.toml: defaults, values, and refusals that name key, value and remedy.
import { describe, expect, test } from 'bun:test'
import path from 'node:path'
import { isOsError } from '@kubenest/base/errors'
import { parseHealthConfig } from './health-config.ts'

describe('parseHealthConfig()', () => {
  test('parseHealthConfig() asks for the boot partition of a legacy BIOS, too', () => {
    expect(parseHealthConfig('', '/boot/grub2').mounts).toEqual(['/persist', '/boot/grub2'])
  })

  test('parseHealthConfig() gives the documented defaults without a file', () => {
    expect(parseHealthConfig(undefined, '/boot/efi')).toMatchObject({
      leastUptimeMs: 45_000,
      wantedWaitMs: 300_000,
      deadlineMs: 900_000,
      lookIntervalMs: 10_000,
      checkLimitMs: 30_000,
      mounts: ['/persist', '/boot/efi'],
    })
  })

  test('parseHealthConfig() takes what is given and keeps the rest', () => {
    const text =
      '[timings]\nleast_uptime_seconds = 2\n[required]\nmounts = []\nunits = ["x.service"]\n'
    const config = parseHealthConfig(text, '/boot/efi')
    expect(config).toMatchObject({ leastUptimeMs: 2_000, deadlineMs: 900_000, mounts: [] })
    expect(config.units).toEqual(['x.service'])
  })

  for (const [text, code, word] of [
    ['[timings', 'config-health-syntax', 'TOML'],
    ['[timings]\ndeadline_seconds = "x"', 'config-health-value', 'timings.deadline_seconds'],
    ['[timings]\ndeadline = 1', 'config-health-value', 'timings.deadline'],
    ['[required]\nmounts = "/x"', 'config-health-value', 'required.mounts'],
    ['other = 1', 'config-health-value', 'other'],
  ] as const)
    test(`parseHealthConfig() refuses ${JSON.stringify(text)}`, () => {
      try {
        parseHealthConfig(text, '/boot/efi')
        expect('no error').toBe(code)
      } catch (error) {
        expect(isOsError(error, code)).toBe(true)
        expect(String(error)).toContain(word)
      }
    })

  test('parseHealthConfig() takes the files that our builder puts into images', async () => {
    const top = path.join(import.meta.dir, '../../../../..')
    const lab = await Bun.file(path.join(top, 'examples/kbimg/lab-vm/lab/health.toml')).text()
    expect(parseHealthConfig(lab, '/boot/efi')).toMatchObject({
      wantedWaitMs: 60_000,
      deadlineMs: 180_000,
    })
    const units = path.join(top, 'packages/workstation/src/kbimg/agent-units.ts')
    const text = /HEALTH_TOML = `([^`]+)`/.exec(await Bun.file(units).text())?.[1]
    expect(parseHealthConfig(text ?? 'missing', '/boot/efi')).toEqual(
      parseHealthConfig(undefined, '/boot/efi'),
    )
  })
})
