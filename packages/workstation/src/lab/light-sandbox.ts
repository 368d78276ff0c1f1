// The sandbox in which a light node's programs run: own /etc, /run, /persist, /boot/efi,
// /proc/cmdline, /proc/sys and disk links, no capability at all. A whole `bwrap` command line, made
// by a pure function.
import type { LightNodePaths, LightPartitions } from './light-layout.ts'

/** What a sandbox shows. */
export interface SandboxSpec {
  readonly node: string
  readonly paths: LightNodePaths
  readonly partitions: LightPartitions
  /** Folder that stands for /usr; see light-usr.ts. */
  readonly usr: string
  /** Further paths that must be visible, read only. */
  readonly visible: readonly string[]
}

/** Inside the sandbox: the machine's own /usr. */
export const HOST_USR = '/host'

/** The command line that runs `argv` on the light node. */
export function sandboxCommand(spec: SandboxSpec, argv: readonly string[]): [string, ...string[]] {
  const { paths } = spec
  const { booted, boot } = paths
  return [
    'bwrap',
    '--die-with-parent',
    ...isolation(spec.node),
    ...readOnly('/usr', HOST_USR),
    ...readOnly(spec.usr, '/usr'),
    ...readOnly(`${booted}/usr/lib/kubenest`, '/usr/lib/kubenest'),
    // The agent looks for the trial units of the image it runs in (decision 18).
    ...readOnly(`${booted}/usr/lib/systemd`, '/usr/lib/systemd'),
    ...readOnly(`${booted}/usr/lib/os-release`, '/usr/lib/os-release'),
    ...['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => link(`usr/${name}`, `/${name}`)),
    ...writable(`${booted}/etc`, '/etc'),
    ...writable(paths.run, '/run'),
    ...writable(paths.persist, '/persist'),
    ...writable(paths.esp, '/boot/efi'),
    ...writable(paths.slots, '/slots'),
    ...link('/run', '/var/run'),
    '--tmpfs',
    '/tmp',
    '--proc',
    '/proc',
    ...readOnly(`${boot}/cmdline`, '/proc/cmdline'),
    ...writable(`${boot}/proc-sys`, '/proc/sys'),
    ...devices(spec.partitions),
    ...spec.visible
      .filter((file) => !file.startsWith('/usr/'))
      .flatMap((file) => readOnly(file, file)),
    '--chdir',
    '/',
    '--',
    ...argv,
  ]
}

function isolation(node: string): string[] {
  return [
    '--unshare-user',
    '--uid',
    '0',
    '--gid',
    '0',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--hostname',
    node,
    '--cap-drop',
    'ALL',
    '--clearenv',
    '--setenv',
    'PATH',
    '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    '--setenv',
    'LANG',
    'C.UTF-8',
    '--setenv',
    'NO_COLOR',
    '1',
  ]
}

function devices(partitions: LightPartitions): string[] {
  const links = [
    { uuid: partitions.slotA, label: 'ROOT-A', file: '/slots/a' },
    { uuid: partitions.slotB, label: 'ROOT-B', file: '/slots/b' },
  ]
  return [
    '--dev',
    '/dev',
    ...links.flatMap(({ uuid, label, file }) => [
      ...link(file, `/dev/disk/by-partuuid/${uuid}`),
      ...link(file, `/dev/disk/by-partlabel/${label}`),
      ...link(file, `/dev/disk/by-label/${label}`),
    ]),
  ]
}

function readOnly(from: string, to: string): string[] {
  return ['--ro-bind', from, to]
}

function writable(from: string, to: string): string[] {
  return ['--bind', from, to]
}

function link(target: string, file: string): string[] {
  return ['--symlink', target, file]
}
