// R-03 in the guest: the shipped writer of the boot environment, alone and while others write to
// the same ESP without flushing.
import * as fs from 'node:fs/promises'
import { createBootEnvironment } from '../../../src/agent/bootloader/boot-environment.ts'
import { systemRawFiles } from '../../../src/linux/raw-file.ts'
import { randomOf } from '../sample-states.ts'
import { beginPhase } from './guest-agent.ts'

export const BOOT_PATH = '/boot/efi/EFI/openEuler'
const OTHER_PATH = '/boot/efi/EFI/other'
const CHANGES = 60

/** Two phases: `environment`, and `environment busy` with other activity. */
export async function changeEnvironmentOften(): Promise<void> {
  const random = randomOf(1)
  const environment = createBootEnvironment(BOOT_PATH, systemRawFiles)
  await fs.mkdir(OTHER_PATH)
  for (const phase of ['environment', 'environment busy']) {
    await beginPhase(phase)
    for (let count = 0; count < CHANGES; count += 1) {
      if (phase === 'environment busy') await disturb(random)
      await environment.change({
        saved_entry: random() < 0.5 ? 'A' : 'B',
        next_entry: random() < 0.5 ? undefined : random() < 0.5 ? 'A' : 'B',
      })
      if (random() < 0.5) await environment.backUp()
    }
    // The following phases know which slot is saved.
    await environment.change({ saved_entry: 'A', next_entry: undefined })
    await environment.backUp()
  }
}

/** A file made, changed or removed, as by firmware tools, and left to the kernel to write. */
async function disturb(random: () => number): Promise<void> {
  const file = `${OTHER_PATH}/file-${Math.floor(random() * 8)}`
  if (random() < 0.3) await fs.rm(file, { force: true })
  else await fs.writeFile(file, 'x'.repeat(1 + Math.floor(random() * 5000)))
}
