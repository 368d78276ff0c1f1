// Looks into a slot before it may boot: kernel, initramfs, version, architecture, and what the
// image brings for a trial boot (decision 18). Reads only.
import { OsError } from '@kubenest/base/errors'
import { AGENT_MARKER } from '../update/agent-marker.ts'
import type { TrialContract } from '../update/journal-state.ts'
import type { Ext4Reader } from './ext4-reader.ts'

const KERNEL = '/boot/vmlinuz'
const INITRAMFS = '/boot/initramfs.img'
const AGENT = '/usr/bin/os-agent'
const UNIT_FOLDERS = ['/usr/lib/systemd/system', '/lib/systemd/system', '/etc/systemd/system']
const TRIAL_UNITS = ['kubenest-trial.service', 'kubenest-gate.service', 'kubenest-deadline.timer']
const TEXT_BYTES_MAX = 65_536

/** What a root file system says about itself. */
export interface RootFacts {
  readonly version?: string
  readonly contract: TrialContract
}

/** What the request and the node expect. */
export interface RootExpectation {
  /** The documented `osversion`; not compared when absent (rollback). */
  readonly version?: string
  /** `x86_64` or `aarch64`. */
  readonly architecture: string
}

/** Refuses a root that cannot boot here or is not what was asked for. */
export async function checkRoot(root: Ext4Reader, expected: RootExpectation): Promise<RootFacts> {
  for (const file of [KERNEL, INITRAMFS])
    if (((await root.sizeOf(file)) ?? 0) === 0)
      throw refuse('image-not-bootable', `it has no ${file}; rebuild it with kbimg`)
  const version = await readVersion(root)
  if (expected.version !== undefined && version !== expected.version)
    throw refuse(
      'image-version-mismatch',
      `PRETTY_NAME of its os-release is ${JSON.stringify(version ?? '')} and osversion is ${JSON.stringify(expected.version)}; set osversion to the former`,
    )
  const architecture = await readArchitecture(root)
  if (architecture !== undefined && architecture !== expected.architecture)
    throw refuse(
      'image-architecture-mismatch',
      `it is built for ${architecture} and this node is ${expected.architecture}; use the image of this architecture`,
    )
  const contract = await readContract(root)
  return version === undefined ? { contract } : { version, contract }
}

/** PRETTY_NAME of the root's os-release. */
export async function readVersion(root: Ext4Reader): Promise<string | undefined> {
  for (const file of ['/etc/os-release', '/usr/lib/os-release']) {
    const bytes = await root.readFile(file, TEXT_BYTES_MAX)
    if (bytes === undefined) continue
    const version = parsePrettyName(new TextDecoder().decode(bytes))
    if (version !== undefined) return version
  }
  return undefined
}

/** PRETTY_NAME of an os-release text, unquoted. */
export function parsePrettyName(text: string): string | undefined {
  const line = text.split('\n').findLast((each) => each.startsWith('PRETTY_NAME='))
  return line
    ?.slice('PRETTY_NAME='.length)
    .trim()
    .replace(/^(["'])(.*)\1$/, '$2')
}

/** From the ELF header of a program that every image has. */
async function readArchitecture(root: Ext4Reader): Promise<string | undefined> {
  for (const file of [AGENT, '/usr/lib/systemd/systemd', '/bin/sh']) {
    const head = await root.readFile(file, 20)
    if (head === undefined || head[0] !== 0x7f || head[1] !== 0x45) continue
    const machine = (head[18] ?? 0) + (head[19] ?? 0) * 256
    if (machine === 0x3e) return 'x86_64'
    return machine === 0xb7 ? 'aarch64' : `machine ${machine}`
  }
  return undefined
}

async function readContract(root: Ext4Reader): Promise<TrialContract> {
  if (!(await hasOurAgent(root))) return 'none'
  for (const unit of TRIAL_UNITS) {
    const sizes = await Promise.all(UNIT_FOLDERS.map((folder) => root.sizeOf(`${folder}/${unit}`)))
    if (sizes.every((size) => size === undefined)) return 'partial'
  }
  return 'full'
}

/** Our builder's manifest says so at once; else the program is searched for its marker. */
async function hasOurAgent(root: Ext4Reader): Promise<boolean> {
  const manifest = await root.readFile('/usr/lib/kubenest/image.json', TEXT_BYTES_MAX)
  if (manifest !== undefined) return true
  let tail = ''
  const decoder = new TextDecoder('latin1')
  for await (const piece of root.streamFile(AGENT)) {
    const text = tail + decoder.decode(piece)
    if (text.includes(AGENT_MARKER)) return true
    tail = text.slice(-AGENT_MARKER.length)
  }
  return false
}

function refuse(code: string, reason: string): OsError {
  return new OsError('integrity', { code, message: `Cannot use the image: ${reason}` })
}
