// The root file system from Debian packages. mmdebstrap runs with mounts of its own, so a killed
// build leaves none; its settings come from the machine's apt, its sources from the configuration
// alone.
import { ensureDirectory, readText, removePath, stat } from '@kubenest/base/files'
import { type Build, run, runInside } from '../build.ts'
import { resolveFrom } from '../host-path.ts'
import { planPackages } from '../plan-image.ts'
import { parseRepoKind } from '../repo-kind.ts'
import { STABLE_TAR } from './pack-root.ts'
import { assert } from '@kubenest/base/assert'

const PACKAGE_LIST_BYTES_MAX = 1_048_576

/** Documentation is of no use on a node without a pager; licences stay. */
const DPKG_OPTIONS = [
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/locale/*',
]

export async function makeRoot(build: Build): Promise<void> {
  const { packageRoot } = build
  if (packageRoot !== undefined && (await stat(packageRoot)) !== undefined)
    await unpackRoot(build, packageRoot)
  else await installPackages(build)
  if (packageRoot !== undefined && (await stat(packageRoot)) === undefined)
    await keepRoot(build, packageRoot)
  build.packages = await listPackages(build)
  // mmdebstrap lends these from this machine.
  for (const file of ['/etc/hostname', '/etc/resolv.conf'])
    if ((await stat(build.root + file))?.kind === 'file') await removePath(build.root + file)
}

async function installPackages(build: Build): Promise<void> {
  const sources = resolveFrom(build.cwd, build.config.repo.repoPath)
  const repo = parseRepoKind((await readText(sources)) ?? '', sources)
  assert(repo.kind === 'deb', 'check-machine lets deb repositories through only')
  await run(
    build,
    'make the root file system from packages',
    build.tools.isolated([
      'mmdebstrap',
      '--mode=root',
      '--variant=apt',
      '--format=directory',
      '--skip=chroot/mount/sys',
      ...DPKG_OPTIONS.map((option) => `--dpkgopt=${option}`),
      `--include=${planPackages(build.config).join(',')}`,
      repo.suite,
      build.root,
      sources,
    ]),
    // initramfs comes once, at the end, when copied files and scripts had their say.
    { env: { INITRD: 'No' } },
  )
}

/** Complete under its name, or absent. Nodes of /dev are the running system's. */
async function keepRoot(build: Build, file: string): Promise<void> {
  const purpose = 'keep the root of these packages'
  const work = `${file}.new`
  const create = ['--create', '--file', work, ...STABLE_TAR, '--exclude=./dev/*']
  await run(build, purpose, build.tools.asRoot(['tar', ...create, '--directory', build.root, '.']))
  await run(build, purpose, build.tools.asRoot(['mv', '-T', '--', work, file]))
}

async function unpackRoot(build: Build, file: string): Promise<void> {
  const purpose = 'unpack the root of these packages'
  await ensureDirectory(build.root)
  const extract = [
    '--extract',
    '--file',
    file,
    '--numeric-owner',
    '--xattrs',
    // Else only those of users: capabilities of programs would be lost.
    '--xattrs-include=*',
    '--preserve-permissions',
  ]
  await run(build, purpose, build.tools.asRoot(['tar', ...extract, '--directory', build.root]))
}

async function listPackages(build: Build): Promise<Build['packages']> {
  const output = await runInside(
    build,
    'list the installed packages',
    ['dpkg-query', '--show', '--showformat=${Package} ${Version}\\n'],
    { outputBytesMax: PACKAGE_LIST_BYTES_MAX },
  )
  return output.split('\n').flatMap((line) => {
    const [name, version] = line.split(' ')
    return name === undefined || version === undefined ? [] : [{ name, version }]
  })
}
