// An image is for many machines: no identity, no host keys, no traces of the build (decision 33).
// Last step on the root: afterwards no file is newer than SOURCE_DATE_EPOCH.
import { type Build, runInside } from '../build.ts'
import { STAGE } from './install-files.ts'

export async function removeSpecifics(build: Build): Promise<void> {
  await runInside(build, 'remove host keys', [
    'find',
    '/etc/ssh',
    '-name',
    'ssh_host_*_key*',
    '-delete',
  ]).catch(ignoreMissingFolder)
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
  const epoch = `@${build.builtAtSeconds}`
  await runInside(build, 'clamp the times of files', [
    'find',
    '/',
    '-xdev',
    '-newermt',
    epoch,
    '-exec',
    'touch',
    '-h',
    '-d',
    epoch,
    '{}',
    '+',
  ])
}

/** There is no /etc/ssh without a package that brings it. */
function ignoreMissingFolder(): void {}
