// Only a guest that printed its line proves an accelerator (KVM trap).
import { expect, test } from 'bun:test'
import { OsError } from '@kubenest/base/errors'
import type { Exec } from '@kubenest/base/exec'
import { reachesFirmware } from './kvm-probe.ts'

function execThatPrints(lines: string[], end: 'exit' | 'hang'): Exec {
  return {
    run: async (request) => {
      for (const line of lines) request.onLine?.(line)
      if (request.signal?.aborted)
        throw new OsError('blocked', { code: 'cancelled', message: 'stopped' })
      if (end === 'hang') throw new OsError('host', { code: 'command-timed-out', message: 'late' })
      return { exitCode: 1, stdout: '', stderr: 'KVM internal error. Suberror: 1' }
    },
  }
}

test('reachesFirmware() believes the firmware line and nothing else', async () => {
  const line = 'BdsDxe: No bootable option or device was found.'
  expect(await reachesFirmware(execThatPrints([line], 'hang'), 'kvm', 1)).toBe(true)
  expect(await reachesFirmware(execThatPrints(['emulation failure'], 'exit'), 'kvm', 1)).toBe(false)
  expect(await reachesFirmware(execThatPrints([], 'hang'), 'kvm', 1)).toBe(false)
})
