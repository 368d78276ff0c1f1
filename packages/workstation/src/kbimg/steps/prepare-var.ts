// /var is empty on a new persist partition: its content moves to /usr/share/factory and comes back
// by tmpfiles rules. The package database stays with the root it describes, so that it is never
// stale.
import { ensureDirectory, writeFile } from '@kubenest/base/files'
import { type Build, runInside } from '../build.ts'
import { parseVarEntries, renderVarRules } from '../var-rules.ts'
import { STAGE } from './install-files.ts'

const PACKAGE_DATABASE = '/usr/share/kubenest/dpkg'
const FIND_BYTES_MAX = 33_554_432
/** Caches and logs of the build itself. */
const LEFTOVERS = [
  '/var/lib/apt/lists',
  '/var/cache/apt',
  '/var/cache/debconf',
  '/var/cache/ldconfig',
]

export async function prepareVar(build: Build): Promise<void> {
  await runInside(build, 'remove caches', ['rm', '-rf', ...LEFTOVERS])
  await runInside(build, 'empty the logs', [
    'find',
    '/var/log',
    '/var/tmp',
    '-type',
    'f',
    '-delete',
  ])
  await runInside(build, 'move the package database', [
    'mkdir',
    '-p',
    '/usr/share/kubenest',
    '/usr/share/factory',
  ])
  await runInside(build, 'move the package database', ['mv', '/var/lib/dpkg', PACKAGE_DATABASE])
  await runInside(build, 'link the package database', [
    'ln',
    '-s',
    PACKAGE_DATABASE,
    '/var/lib/dpkg',
  ])
  const found = await runInside(
    build,
    'list /var',
    ['find', '/var', '-xdev', '-printf', '%y\\t%m\\t%U\\t%G\\t%p\\t%l\\0'],
    { outputBytesMax: FIND_BYTES_MAX },
  )
  const stage = `${build.root}${STAGE}`
  await ensureDirectory(stage)
  await writeFile(`${stage}/kubeos-var.conf`, renderVarRules(parseVarEntries(found)))
  await runInside(build, 'install the rules for /var', [
    'install',
    '-m',
    '0644',
    `${STAGE}/kubeos-var.conf`,
    '/usr/lib/tmpfiles.d/kubeos-var.conf',
  ])
  await runInside(build, 'move /var', ['mv', '/var', '/usr/share/factory/var'])
  // What looks into the image from outside (scanners) still finds the package database.
  await runInside(build, 'make an empty /var', ['mkdir', '-p', '/var/lib'])
  await runInside(build, 'link the package database', [
    'ln',
    '-s',
    PACKAGE_DATABASE,
    '/var/lib/dpkg',
  ])
}
