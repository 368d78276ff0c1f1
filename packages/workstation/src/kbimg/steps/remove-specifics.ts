// An image is for many machines: no identity, no host keys, no traces of the build (decision 33).
// Last step on the root: afterwards no file is newer than SOURCE_DATE_EPOCH.
import { type Build, run, runInside } from '../build.ts'
import { clampTimes } from './clamp-times.ts'
import { STAGE } from './install-files.ts'

export async function removeSpecifics(build: Build): Promise<void> {
  await runInside(build, 'remove host keys', [
    'find',
    '/etc',
    '-path',
    '/etc/ssh/ssh_host_*_key*',
    '-delete',
  ])
  await runInside(build, 'empty the machine id', [
    'install',
    '-m',
    '0444',
    '/dev/null',
    '/etc/machine-id',
  ])
  await runInside(build, 'remove what the build left', [
    'rm',
    '-rf',
    STAGE,
    '/.dockerenv',
    '/root/.bash_history',
    '/etc/passwd-',
    '/etc/group-',
    '/etc/shadow-',
    '/etc/gshadow-',
    '/etc/subuid-',
    '/etc/subgid-',
    '/var/lib/dbus/machine-id',
  ])
  await emptyDevices(build)
  await clampTimes(build, build.root)
}

/**
 * The kernel fills /dev. Only root can make nodes there, so with them the image would tell who
 * built it. From outside: inside, another file system hides the folder.
 */
async function emptyDevices(build: Build): Promise<void> {
  const empty = ['find', `${build.root}/dev`, '-mindepth', '1', '-delete']
  await run(build, 'empty /dev', build.tools.asRoot(empty))
}
