// Does KVM work here? The device can exist and even create machines that stop in the firmware (lab
// notes, KVM trap), so a small guest has to run: firmware without a disk, up to its first line.
import { isOsError } from '@kubenest/base/errors'
import type { Exec } from '@kubenest/base/exec'
import { stat } from '@kubenest/base/files'
import { FIRMWARE_CODE } from './guest-config.ts'

const LIMIT_MS = 10_000
/** What the firmware prints when it looks for something to boot. */
const FIRMWARE_LINE = 'BdsDxe:'

/** `kvm` when a guest really ran under it, else `tcg`. */
export async function probeAccelerator(exec: Exec): Promise<'kvm' | 'tcg'> {
  if ((await stat('/dev/kvm')) === undefined) return 'tcg'
  return (await reachesFirmware(exec, 'kvm', LIMIT_MS)) ? 'kvm' : 'tcg'
}

/** Runs the probe guest with one accelerator. */
export async function reachesFirmware(
  exec: Exec,
  accelerator: 'kvm' | 'tcg',
  limitMs: number,
): Promise<boolean> {
  const reached = new AbortController()
  const take = (line: string) => {
    if (line.includes(FIRMWARE_LINE)) reached.abort()
  }
  try {
    await exec.run({
      argv: probeArgv(accelerator),
      timeoutMs: limitMs,
      signal: reached.signal,
      onLine: take,
    })
  } catch (error) {
    const ended = isOsError(error, 'cancelled') || isOsError(error, 'command-timed-out')
    if (!ended && !isOsError(error, 'command-not-started')) throw error
  }
  return reached.signal.aborted
}

function probeArgv(accelerator: 'kvm' | 'tcg'): [string, ...string[]] {
  const cpu = accelerator === 'kvm' ? 'host' : 'max'
  return [
    'qemu-system-x86_64',
    '-accel',
    accelerator,
    '-cpu',
    cpu,
    '-machine',
    'q35',
    '-m',
    '256',
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    '-net',
    'none',
    '-no-reboot',
    '-serial',
    'stdio',
    '-drive',
    `if=pflash,format=raw,readonly=on,file=${FIRMWARE_CODE}`,
  ]
}
