// What we put into every root besides packages (contract 6.7): mount units, agent units, identity
// of the system, boot menu, health timings. Names, modes and text only; install-files.ts writes
// them.
import {
  IMAGE_MANIFEST_FORMAT,
  IMAGE_MANIFEST_PATH,
  TRIAL_CONTRACT_VERSION,
} from '@kubenest/api/image/manifest'
import type { ImageManifest } from '@kubenest/api/image/manifest'
import { KERNEL_ARGUMENTS, renderGrubConfig } from '@kubenest/provision/boot/grub-config'
import { AGENT_UNITS, HEALTH_TOML, WATCHDOG_CONFIG } from './agent-units.ts'
import type { Build } from './build.ts'
import { renderMountUnits } from './mount-units.ts'
import { planKernelArguments } from './plan-image.ts'

export interface RootFile {
  readonly path: string
  readonly mode: number
  readonly text: string
}

/** What the files depend on. */
export type RootInput = Pick<Build, 'config' | 'ids' | 'builtAtSeconds' | 'packages'>

const WATCHDOG_PATH = '/usr/lib/systemd/system.conf.d/50-kubenest-watchdog.conf'
const UNIT_FOLDER = '/usr/lib/systemd/system'
/** Folder of the boot menu on the ESP, mounted at /boot/efi. */
export const GRUB_FOLDER = '/boot/efi/EFI/openEuler'

/** Without a saved identity every boot would be another machine to kubelet and journal. */
const MACHINE_ID_UNIT = `[Unit]
Description=Keep the machine's identity over reboots
DefaultDependencies=no
Conflicts=shutdown.target
RequiresMountsFor=/etc
After=etc.mount
Before=sysinit.target systemd-tmpfiles-setup.service
ConditionFileNotEmpty=!/etc/machine-id

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/cp /run/machine-id /etc/machine-id

[Install]
WantedBy=sysinit.target
`

/**
 * The journal is filed under the identity, so it starts when that is known; earlier lines wait for
 * it.
 */
const JOURNAL_DROP_IN = `[Unit]
After=etc.mount kubenest-machine-id.service
`

/**
 * CNI writes its records without a flush: after a power cut they stand there empty, libcni cannot
 * parse them, and kubelet neither ends the old pods nor starts new ones, the proxy among them.
 * Without the record the old pod network, which died with the last boot anyway, is just forgotten.
 */
const POD_NETWORK_UNIT = `[Unit]
Description=Remove records of pod networks that a power cut left empty
RequiresMountsFor=/var/lib/cni
ConditionPathIsDirectory=/var/lib/cni
Before=containerd.service docker.service kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/find /var/lib/cni -xdev -type f -empty -delete

[Install]
WantedBy=multi-user.target
`

/** All generated files of a root. */
export function renderRootFiles(build: RootInput): RootFile[] {
  return [
    ...renderMountUnits().map(({ file, text }) => unit(file, text)),
    ...AGENT_UNITS.map(({ file, text }) => unit(file, text)),
    unit('kubenest-machine-id.service', MACHINE_ID_UNIT),
    unit('kubenest-pod-networks.service', POD_NETWORK_UNIT),
    unit('systemd-journald.service.d/kubenest.conf', JOURNAL_DROP_IN),
    { path: WATCHDOG_PATH, mode: 0o644, text: WATCHDOG_CONFIG },
    { path: '/usr/lib/os-release', mode: 0o644, text: renderOsRelease(build.config.repo.version) },
    { path: IMAGE_MANIFEST_PATH, mode: 0o644, text: renderJson(imageManifest(build)) },
    { path: '/etc/kubenest/health.toml', mode: 0o644, text: HEALTH_TOML },
    { path: `${GRUB_FOLDER}/grub.cfg`, mode: 0o600, text: renderMenu(build) },
  ]
}

/** Units that run at boot. */
export function unitsToEnable(): string[] {
  return [
    ...renderMountUnits().map(({ file }) => file),
    ...AGENT_UNITS.filter(({ text }) => text.includes('\n[Install]')).map(({ file }) => file),
    'kubenest-machine-id.service',
    'kubenest-pod-networks.service',
  ]
}

/** What the manifest of every artefact of this build has in common (decision 23). */
export function imageManifest(build: RootInput): ImageManifest {
  return {
    format: IMAGE_MANIFEST_FORMAT,
    name: build.config.repo.upgradeImage ?? 'kubeos',
    osversion: `KubeOS ${build.config.repo.version}`,
    architecture: 'x86_64',
    layout: 'ab-ext4',
    trialContract: TRIAL_CONTRACT_VERSION,
    builtAt: new Date(build.builtAtSeconds * 1000).toISOString().replace('.000Z', 'Z'),
    packages: build.packages,
  }
}

/** JSON as it stands in files. */
export function renderJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** Exactly the four documented lines: kubelet reports PRETTY_NAME, the rollout compares it. */
export function renderOsRelease(version: string): string {
  return `NAME="KubeOS"\nID=kubeos\nPRETTY_NAME="KubeOS ${version}"\nVERSION_ID=${version}\n`
}

function renderMenu(build: RootInput): string {
  return renderGrubConfig({
    partuuidA: build.ids.rootA,
    partuuidB: build.ids.rootB,
    kernelArguments: planKernelArguments(build.config, KERNEL_ARGUMENTS),
  })
}

function unit(file: string, text: string): RootFile {
  return { path: `${UNIT_FOLDER}/${file}`, mode: 0o644, text }
}
