// An image is for many machines: no identity, no host keys, no traces of the build (decision 33).
// Last step on the root: afterwards no file is newer than SOURCE_DATE_EPOCH.
import { type Build, run, runInside } from '../build.ts'
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
  const epoch = `@${build.builtAtSeconds}`
  // From outside: inside, other file systems hide /dev, /run and /tmp. `-h` follows no link.
  const newer = [
    'find',
    build.root,
    '-newermt',
    epoch,
    '-exec',
    'touch',
    '-h',
    '-d',
    epoch,
    '{}',
    '+',
  ]
  await run(build, 'clamp the times of files', build.tools.asRoot(newer))
}
