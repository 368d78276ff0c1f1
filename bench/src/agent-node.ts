// A node as the shipped agent sees it: slot files on a real disk, shown by bubblewrap in place of
// the machine's own paths. Made anew for each run, so that no run profits from an earlier one.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import path from 'node:path'
import { renderGrubConfig } from '@kubenest/provision/boot/grub-config'
import { renderGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { startMeasured, type MeasuredProcess } from './measured-process.ts'

const PARTUUIDS = {
  a: '11111111-1111-4111-8111-111111111111',
  b: '22222222-2222-4222-8222-222222222222',
} as const
const AGENT = '/agent/os-agent'
const GRUB_FOLDER = 'EFI/openEuler'
const MIB = 1024 * 1024
/** Room beyond the image, as in a real slot. */
const SLOT_SPARE_BYTES = 16 * MIB

/** Paths of one node. */
export interface AgentNode {
  readonly root: string
  /** The slot that is written. */
  readonly standby: string
  readonly socket: string
}

/** Lays the node out below `root`. */
export function layOutNode(root: string, imageBytes: number): AgentNode {
  for (const each of ['slots', `esp/${GRUB_FOLDER}`, 'persist', 'run/os-agent', 'certs'])
    fs.mkdirSync(path.join(root, each), { recursive: true })
  for (const slot of ['a', 'b']) {
    fs.writeFileSync(path.join(root, 'slots', slot), '')
    fs.truncateSync(path.join(root, 'slots', slot), imageBytes + SLOT_SPARE_BYTES)
  }
  const boot = path.join(root, 'esp', GRUB_FOLDER)
  const menu = { partuuidA: PARTUUIDS.a, partuuidB: PARTUUIDS.b, menuTimeoutSeconds: 0 }
  fs.writeFileSync(path.join(boot, 'grub.cfg'), renderGrubConfig(menu))
  fs.writeFileSync(
    path.join(boot, 'grubenv'),
    renderGrubEnvironment(new Map([['saved_entry', 'A']])),
  )
  fs.writeFileSync(path.join(root, 'cmdline'), `root=PARTUUID=${PARTUUIDS.a}\n`)
  fs.writeFileSync(path.join(root, 'os-release'), 'PRETTY_NAME="v1"\n')
  return {
    root,
    standby: path.join(root, 'slots/b'),
    socket: path.join(root, 'run/os-agent/os-agent.sock'),
  }
}

/**
 * Starts the built agent there; ready when it serves. One that may mount needs a caller who is
 * root, and the loop devices of the machine.
 */
export async function startAgent(
  dist: string,
  node: AgentNode,
  mayMount = false,
): Promise<MeasuredProcess> {
  const started = await startOnNode(dist, node, [AGENT], mayMount)
  await started.said('serving')
  return started
}

/** Has the agent's socket held for it, as systemd does; the agent starts with the first call. */
export async function startActivation(dist: string, node: AgentNode): Promise<MeasuredProcess> {
  const listen = '--listen=/run/os-agent/os-agent.sock'
  const started = await startOnNode(dist, node, ['systemd-socket-activate', listen, AGENT])
  await started.said('Listening')
  return started
}

async function startOnNode(
  dist: string,
  { root }: AgentNode,
  program: readonly string[],
  mayMount = false,
): Promise<MeasuredProcess> {
  const shown = [
    ['--ro-bind', '/usr', '/usr'],
    ['--symlink', 'usr/bin', '/bin'],
    ['--symlink', 'usr/sbin', '/sbin'],
    ['--symlink', 'usr/lib', '/lib'],
    ['--symlink', 'usr/lib64', '/lib64'],
    ['--ro-bind', dist, '/agent'],
    ['--proc', '/proc'],
    ['--dev', '/dev'],
    ['--symlink', '/slots/a', `/dev/disk/by-partuuid/${PARTUUIDS.a}`],
    ['--symlink', '/slots/b', `/dev/disk/by-partuuid/${PARTUUIDS.b}`],
    ['--symlink', '/slots/a', '/dev/disk/by-label/ROOT-A'],
    ['--symlink', '/slots/b', '/dev/disk/by-label/ROOT-B'],
    ['--ro-bind', path.join(root, 'cmdline'), '/proc/cmdline'],
    ['--ro-bind', path.join(root, 'os-release'), '/etc/os-release'],
    ['--bind', path.join(root, 'slots'), '/slots'],
    ['--bind', path.join(root, 'esp'), '/boot/efi'],
    ['--bind', path.join(root, 'persist'), '/persist'],
    ['--ro-bind', path.join(root, 'certs'), '/etc/KubeOS/certs'],
    ['--bind', path.join(root, 'run'), '/run'],
    ['--tmpfs', '/tmp'],
  ]
  const user = mayMount ? ['--cap-add', 'ALL'] : ['--unshare-user', '--uid', '0', '--gid', '0']
  const more = mayMount ? loopDevices() : []
  const argv = ['bwrap', '--die-with-parent', ...user, ...shown.flat(), ...more, '--', ...program]
  return await startMeasured(argv, { logFile: path.join(root, 'agent.log'), inChild: true })
}

function loopDevices(): string[] {
  const names = fs.readdirSync('/dev').filter((name) => name.startsWith('loop'))
  const devices = names.flatMap((name) => ['--dev-bind', `/dev/${name}`, `/dev/${name}`])
  return [...devices, '--ro-bind', '/sys', '/sys']
}

/**
 * An ext4 image of `mib` MiB that passes the agent's checks, filled with bytes that nobody can
 * shorten, or with what programs are made of.
 */
export function makeRootImage(folder: string, mib: number, content: 'noise' | 'programs'): string {
  const root = path.join(folder, 'image-root')
  writeRoot(root)
  const fill = content === 'noise' ? fillWithNoise : fillWithPrograms
  fill(path.join(root, 'content'), Math.floor(mib * 0.9))
  const image = path.join(folder, 'root.img')
  const features = ['-O', 'metadata_csum,64bit,extent', '-L', 'ROOT-A', '-d', root]
  const made = spawnSync('mke2fs', ['-q', '-t', 'ext4', ...features, image, `${mib}M`])
  if (made.status !== 0) throw new Error(`Cannot make an image: ${made.stderr.toString()}`)
  fs.rmSync(root, { recursive: true })
  return image
}

/** A tar that passes the agent's checks: a small root, and folders of the machine. */
export function makeRootTar(folder: string, more: readonly string[]): string {
  const root = path.join(folder, 'tar-root')
  writeRoot(root)
  const file = path.join(folder, 'root.tar')
  const args = ['--create', '--file', file, '--directory', root, '.', '--directory', '/', ...more]
  const made = spawnSync('tar', args)
  if (made.status !== 0) throw new Error(`Cannot make a tar: ${made.stderr.toString()}`)
  fs.rmSync(root, { recursive: true })
  return file
}

/** What the agent looks for in a root. */
function writeRoot(root: string): void {
  const put = (name: string, content: string | Uint8Array, mode = 0o644) => {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    fs.writeFileSync(path.join(root, name), content, { mode })
  }
  const elf = new Uint8Array(4096)
  // An ELF header of x86-64: the agent refuses images of another architecture.
  elf.set([0x7f, 0x45, 0x4c, 0x46])
  elf[18] = 0x3e
  put('usr/lib/os-release', 'PRETTY_NAME="v2"\n')
  put('boot/vmlinuz', 'kernel')
  put('boot/initramfs.img', 'initramfs')
  put('usr/bin/os-agent', elf, 0o755)
  put('usr/lib/kubenest/image.json', '{"format":1}')
  for (const unit of ['trial.service', 'gate.service', 'deadline.timer'])
    put(`usr/lib/systemd/system/kubenest-${unit}`, '[Unit]\n')
  fs.mkdirSync(path.join(root, 'etc'), { recursive: true })
  fs.symlinkSync('../usr/lib/os-release', path.join(root, 'etc/os-release'))
}

function fillWithNoise(file: string, mib: number): void {
  const output = fs.openSync(file, 'w')
  for (let at = 0; at < mib; at += 1) {
    const noise = Buffer.alloc(MIB)
    for (let from = 0; from < MIB; from += 65_536)
      crypto.getRandomValues(noise.subarray(from, from + 65_536))
    fs.writeSync(output, noise)
  }
  fs.closeSync(output)
}

function fillWithPrograms(file: string, mib: number): void {
  const output = fs.openSync(file, 'w')
  const libraries = fs.globSync('/usr/lib/**/*.so*').filter((each) => fs.statSync(each).isFile())
  let left = mib * MIB
  for (const each of libraries) {
    const bytes = fs.readFileSync(each).subarray(0, left)
    fs.writeSync(output, bytes)
    left -= bytes.length
    if (left === 0) break
  }
  fs.closeSync(output)
}
