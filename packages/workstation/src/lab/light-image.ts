// Root images of light nodes: everything an upgrade looks at, and a text where the kernel would be.
// The text's first word says what "booting" it does.
import unitKubenestTrialService from '../../../../deploy/systemd/kubenest-trial.service' with { type: 'text' }
import unitKubenestGateService from '../../../../deploy/systemd/kubenest-gate.service' with { type: 'text' }
import unitKubenestDeadlineService from '../../../../deploy/systemd/kubenest-deadline.service' with { type: 'text' }
import unitKubenestDeadlineTimer from '../../../../deploy/systemd/kubenest-deadline.timer' with { type: 'text' }
import unitOsAgentService from '../../../../deploy/systemd/os-agent.service' with { type: 'text' }
import unitOsAgentSocket from '../../../../deploy/systemd/os-agent.socket' with { type: 'text' }
import {
  IMAGE_MANIFEST_FORMAT,
  type ImageManifest,
  TRIAL_CONTRACT_VERSION,
} from '@kubenest/api/image/manifest'
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import { ensureDirectory, removePath, writeFile } from '@kubenest/base/files'
import { LIGHT_SLOT_BYTES } from './light-layout.ts'

/** What to build. */
export interface LightImageSpec {
  /** PRETTY_NAME of its os-release: the `osversion` of an OS object. */
  readonly version: string
  /** `panics`: the kernel dies at once, as with a driver that does not fit the machine. */
  readonly kernel: 'boots' | 'panics'
}

/** Times of a light node's health gate (decision 20). */
export const LIGHT_HEALTH = `[timings]
least_uptime_seconds = 2
wanted_wait_seconds = 20
deadline_seconds = 60
look_interval_seconds = 2
`

/** Builds a raw ext4 image into `target`; `work` is a folder for the files in between. */
export async function buildLightImage(
  exec: Exec,
  spec: LightImageSpec,
  work: string,
  target: string,
): Promise<void> {
  const root = `${work}/root`
  await removePath(work)
  for (const [file, content] of Object.entries(imageFiles(spec))) {
    await ensureDirectory(`${root}${file.slice(0, file.lastIndexOf('/'))}`)
    await writeFile(`${root}${file}`, content)
  }
  for (const folder of ['boot/efi', 'etc/sysctl.d', 'persist', 'proc', 'run', 'dev', 'var'])
    await ensureDirectory(`${root}/${folder}`)
  await removePath(target)
  await runOrThrow(exec, `make the image of ${spec.version}`, {
    argv: [
      'mke2fs',
      '-q',
      '-t',
      'ext4',
      '-b',
      '4096',
      '-L',
      'ROOT-A',
      '-d',
      root,
      target,
      `${LIGHT_SLOT_BYTES / 1024}k`,
    ],
    timeoutMs: 60_000,
  })
  await removePath(work)
}

/** The units that make a trial boot safe; a light node's supervisor runs what they say. */
const UNITS: Readonly<Record<string, string>> = {
  'kubenest-trial.service': unitKubenestTrialService,
  'kubenest-gate.service': unitKubenestGateService,
  'kubenest-deadline.service': unitKubenestDeadlineService,
  'kubenest-deadline.timer': unitKubenestDeadlineTimer,
  'os-agent.service': unitOsAgentService,
  'os-agent.socket': unitOsAgentSocket,
}

/** Files of an image, by path. */
export function imageFiles(spec: LightImageSpec): Record<string, string> {
  const release = `NAME="KubeOS"\nID="kubeos"\nPRETTY_NAME="${spec.version}"\n`
  const units = Object.entries(UNITS).map(([name, text]) => [
    `/usr/lib/systemd/system/${name}`,
    text,
  ])
  return {
    ...Object.fromEntries(units),
    '/boot/vmlinuz': `${spec.kernel}\nThis text stands for the kernel of ${spec.version}.\n`,
    '/boot/initramfs.img': `This text stands for the initramfs of ${spec.version}.\n`,
    '/etc/os-release': release,
    '/usr/lib/os-release': release,
    '/etc/kubenest/health.toml': LIGHT_HEALTH,
    '/usr/lib/kubenest/image.json': `${JSON.stringify(imageManifest(spec), undefined, 2)}\n`,
  }
}

/** Manifest of an image, without its artefacts. */
export function imageManifest(spec: LightImageSpec): ImageManifest {
  return {
    format: IMAGE_MANIFEST_FORMAT,
    name: 'kubenest-light',
    osversion: spec.version,
    architecture: 'x86_64',
    layout: 'ab-ext4',
    trialContract: TRIAL_CONTRACT_VERSION,
    builtAt: '2026-01-01T00:00:00Z',
    packages: [],
  }
}
