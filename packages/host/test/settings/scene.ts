// A node of files for settings: /etc, the kubelet's and containerd's files, a boot menu with two
// slots that are files, and a systemctl that is a map of units.
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import type { Clock } from '@kubenest/base/clock'
import type { Exec } from '@kubenest/base/exec'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { renderGrubConfig } from '@kubenest/provision/boot/grub-config'
import {
  createSettings,
  type Settings,
  type SettingsDeps,
} from '../../src/agent/settings/settings.ts'
import { writeKernelValue } from '../../src/linux/kernel-value.ts'

export const PARTUUIDS = {
  a: 'aaaaaaaa-0000-4000-8000-00000000000a',
  b: 'bbbbbbbb-0000-4000-8000-00000000000b',
}
export const MENU = 'boot/efi/EFI/openEuler/grub.cfg'
export const KUBELET = 'var/lib/kubelet/config.yaml'
export const CONTAINERD = 'etc/containerd/config.toml'
export const LIMITS = 'etc/security/limits.conf'
export const RECORD = 'persist/kubenest/settings'

/** A unit: its state, and what it does when it is started again. */
export interface FakeUnit {
  active: string
  starts: number
  /** State after a restart, by what its files say now. */
  judge: () => string
}

export interface Scene {
  readonly root: string
  readonly deps: SettingsDeps
  readonly units: Map<string, FakeUnit>
  /** Calls of systemctl that change something. */
  readonly restarts: string[]
  readonly settings: Settings
  at(file: string): string
  read(file: string): Promise<string>
  write(file: string, text: string): Promise<void>
  /** The next boot: a new boot id. */
  reboot(): Promise<void>
  remove(): Promise<void>
}

export const KUBELET_TEXT = '# of the node\nport: 10255\nclusterDNS:\n- 10.0.0.10\n'
export const CONTAINERD_TEXT = '# of the node\nversion = 2\nroot = "/data"\n'
export const LIMITS_TEXT = '# head\nftp soft core 0\n'

export async function createScene(): Promise<Scene> {
  const root = await fs.mkdtemp(path.join(tmpdir(), 'settings-'))
  const at = (file: string) => path.join(root, file)
  const write = async (file: string, text: string) => {
    await fs.mkdir(path.dirname(at(file)), { recursive: true })
    await fs.writeFile(at(file), text)
  }
  let boots = 0
  const reboot = async () => {
    boots += 1
    await write('proc/sys/kernel/random/boot_id', `boot-${boots}\n`)
  }
  await reboot()
  await write('proc/sys/vm/swappiness', '60\n')
  await write('proc/sys/kernel/panic', '0\n')
  await write('proc/cmdline', `root=PARTUUID=${PARTUUIDS.a} ro\n`)
  await write('etc/sysctl.conf', '# mine\nvm.swappiness=60\n')
  await write(KUBELET, KUBELET_TEXT)
  await write(CONTAINERD, CONTAINERD_TEXT)
  await write(LIMITS, LIMITS_TEXT)
  await write(MENU, renderGrubConfig({ partuuidA: PARTUUIDS.a, partuuidB: PARTUUIDS.b }))
  await fs.mkdir(at('persist/kubenest'), { recursive: true, mode: 0o700 })
  for (const [name, partuuid] of [
    ['A', PARTUUIDS.a],
    ['B', PARTUUIDS.b],
  ] as const) {
    await write(`slots/${name}`, name)
    for (const link of [`dev/disk/by-label/ROOT-${name}`, `dev/disk/by-partuuid/${partuuid}`]) {
      await fs.mkdir(path.dirname(at(link)), { recursive: true })
      await fs.symlink(at(`slots/${name}`), at(link))
    }
  }
  const units = new Map<string, FakeUnit>()
  for (const name of ['kubelet.service', 'containerd.service'])
    units.set(name, { active: 'active', starts: 1, judge: () => 'active' })
  const restarts: string[] = []
  const deps: SettingsDeps = {
    sysroot: createSysRoot(root),
    log: silentLogger,
    clock: hastyClock(),
    exec: fakeSystemctl(units, restarts),
    ownerUid: process.getuid?.() ?? 0,
    writeKernelValue,
  }
  return {
    root,
    deps,
    units,
    restarts,
    settings: createSettings(deps),
    at,
    read: (file) => fs.readFile(at(file), 'utf8'),
    write,
    reboot,
    remove: () => fs.rm(root, { recursive: true }),
  }
}

/** Sleeping is passing: time goes on by what was slept. */
function hastyClock(): Clock {
  let now = 1_700_000_000_000
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    sleep: async (delayMs) => {
      now += delayMs
    },
    schedule: () => () => {},
  }
}

function fakeSystemctl(units: Map<string, FakeUnit>, restarts: string[]): Exec {
  return {
    run: async ({ argv }) => {
      const unit = units.get(argv.at(-1) ?? '')
      if (argv[0] !== 'systemctl' || unit === undefined)
        return { exitCode: 1, stdout: '', stderr: `what is ${argv.join(' ')}?` }
      if (argv[1] === 'restart') {
        restarts.push(argv.at(-1) ?? '')
        unit.starts += 1
        unit.active = unit.judge()
      }
      const stdout = `ActiveState=${unit.active}\nInvocationID=start-${unit.starts}\n`
      return { exitCode: 0, stdout, stderr: '' }
    },
  }
}

/** An entry; a value may be `[value, operation]`. */
export function entry(
  model: string,
  contents: Readonly<Record<string, unknown>>,
  configPath = '',
): ConfigureEntry {
  const full = Object.entries(contents).map(([key, value]) => [key, { value, operation: '' }])
  return {
    model,
    config_path: configPath,
    contents: Object.fromEntries(full) as ConfigureEntry['contents'],
  }
}
