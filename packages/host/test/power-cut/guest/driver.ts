// Process 1 of the micro guest: does the phases of one scenario with the shipped agent, and marks
// on the disk where each begins. Bundled into the guest by tools-disk.ts.
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs/promises'
import { RESULT_WORD } from './run-guest.ts'
import { PARTUUIDS, REGIONS } from './node-disk.ts'
import { ERROR_SCENARIOS } from './error-scenarios.ts'
import { SCENARIOS } from './scenarios.ts'
import { serveImages } from './serve-images.ts'

const BUSYBOX = '/usr/bin/busybox'

const LABELS = { esp: 'BOOT', A: 'ROOT-A', B: 'ROOT-B', persist: 'PERSIST' } as const

/** What udev would have made. */
async function linkDisks(): Promise<void> {
  for (const kind of ['partuuid', 'label'])
    await fs.mkdir(`/dev/disk/by-${kind}`, { recursive: true })
  for (const [index, region] of REGIONS.entries()) {
    const device = `/dev/vda${index + 1}`
    await fs.symlink(device, `/dev/disk/by-partuuid/${PARTUUIDS[region]}`)
    await fs.symlink(device, `/dev/disk/by-label/${LABELS[region]}`)
  }
}

async function main(): Promise<void> {
  const line = await fs.readFile('/proc/cmdline', 'utf8')
  const name = /kubenest\.scenario=(\S+)/.exec(line)?.[1] ?? ''
  const scenario = SCENARIOS[name] ?? ERROR_SCENARIOS[name]
  if (scenario === undefined) throw new Error(`There is no scenario ${name}`)
  await linkDisks()
  serveImages()
  await scenario()
}

try {
  await main()
  console.log(`${RESULT_WORD} ok`)
} catch (error) {
  console.log(`${RESULT_WORD} failed ${error instanceof Error ? error.stack : String(error)}`)
}
execFileSync(BUSYBOX, ['reboot', '-f'])
