// Images of virtual nodes: taken from the cache by what goes into them, else built by kbimg.
// Packages are installed once; a version costs its last steps and a file system.
import { OsError } from '@kubenest/base/errors'
import { runOrThrow } from '@kubenest/base/exec'
import { digestFile, ensureDirectory, readText, renamePath, writeFile } from '@kubenest/base/files'
import { programCommand } from '@kubenest/base/self-program'
import { buildImage } from '../kbimg/build-image.ts'
import { createRootTools } from '../kbimg/namespaces.ts'
import { OUTPUT } from '../kbimg/output-folder.ts'
import { parseRepoKind } from '../kbimg/repo-kind.ts'
import { buildComponentImages } from '../oci/build-component-image.ts'
import { PAUSE_COMPONENT, productComponents } from '../oci/component-image.ts'
import { sha256Hex } from '../oci/oci-layout.ts'
import { ensureCached, withCacheLock } from './vm-image-cache.ts'
import {
  describeComponents,
  describeVmImage,
  EPOCH_SECONDS,
  planVmBuild,
  UNUSED_STEPS,
} from './vm-image-shape.ts'
import { EXAMPLE_SOURCES, RECIPE_FILES, VM_VERSIONS, type VmVersion } from './vm-recipe.ts'
import type { LabCommandDeps } from './lab-up.ts'

/** Disk that new guests start from; beside it `vN.img.zst` for each further version. */
export const VM_DISK = 'v1.qcow2'
/** Files of the machine's own package sources on Debian. */
const OWN_SOURCES = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']
/** Release the list of packages was written for. */
const SUITE = 'bookworm'
const PROXY_TAG = 'lab'

interface Inputs {
  readonly agent: string
  readonly cluster: string
  readonly kubelet: string
  readonly sources: string
}

/**
 * Folder with the images of these versions; builds what is missing, which takes minutes, and says
 * so.
 */
export async function prepareVmImages(
  deps: LabCommandDeps,
  cacheRoot: string,
  kubelet: string,
  versions: readonly VmVersion[],
): Promise<string> {
  const inputs = await findInputs(kubelet)
  const root = `${cacheRoot}/vm`
  return await withCacheLock(root, async () => {
    const { key, packageRoots } = await keyOf(inputs, `${root}/shape`)
    return await ensureCached({
      root,
      key,
      names: versions,
      fileOf: fileOfVersion,
      keep: Object.values(packageRoots),
      build: (folder, missing) =>
        buildVersions(deps, { root, folder, inputs, packageRoots }, missing),
    })
  })
}

function fileOfVersion(version: VmVersion): string {
  return version === 'v1' ? VM_DISK : `${version}.img.zst`
}

async function findInputs(kubelet: string): Promise<Inputs> {
  const [agent, ...rest] = programCommand('kubenest-host', 'os-agent').argv
  const [cluster] = programCommand('kubenest-cluster', 'proxy').argv
  if (rest.length > 1)
    throw new OsError('host', {
      code: 'lab-vm-from-source',
      message:
        'Cannot build virtual nodes from source: images hold executables; run make build, then dist/linux-x64/kubenest',
    })
  return { agent, cluster, kubelet, sources: await findSources() }
}

/** The machine's own mirror when it is of the right release. */
async function findSources(): Promise<string> {
  for (const file of OWN_SOURCES) {
    const text = await readText(file)
    if (text === undefined || !/^(?!\s*#).*\S/m.test(text)) continue
    const kind = parseRepoKind(text, file)
    if (kind.kind === 'deb' && kind.suite === SUITE) return text
  }
  return EXAMPLE_SOURCES
}

type PackageRoots = Readonly<Record<VmVersion, string>>

/** One key for all versions of the same parts, and the file of each version's package root. */
async function keyOf(
  inputs: Inputs,
  folder: string,
): Promise<{ key: string; packageRoots: PackageRoots }> {
  const components = [PAUSE_COMPONENT, ...productComponents('')]
  const parts = [
    await digestFile(inputs.agent),
    await digestFile(inputs.cluster),
    await digestFile(inputs.kubelet),
    JSON.stringify(RECIPE_FILES),
    describeComponents(components, PROXY_TAG),
  ]
  const packageRoots: Record<string, string> = {}
  for (const version of VM_VERSIONS) {
    const shape = await describeVmImage(version, inputs.sources, folder)
    parts.push(shape.image)
    packageRoots[version] = `packages-${await shortDigest(shape.packages)}.tar`
  }
  return { key: await shortDigest(parts.join('\0')), packageRoots: packageRoots as PackageRoots }
}

async function shortDigest(text: string): Promise<string> {
  return (await sha256Hex(new TextEncoder().encode(text))).slice(0, 16)
}

interface Place {
  readonly root: string
  readonly folder: string
  readonly inputs: Inputs
  readonly packageRoots: PackageRoots
}

async function buildVersions(
  deps: LabCommandDeps,
  place: Place,
  versions: readonly VmVersion[],
): Promise<void> {
  const work = `${place.root}/work`
  await removeWork(deps, work)
  await ensureDirectory(work, 0o700)
  await ensureDirectory(place.folder)
  deps.say(`Building the images ${versions.join(', ')} of virtual nodes; some minutes, once`)
  try {
    await writeInputs(deps, place.inputs, work)
    for (const version of versions) await buildVersion(deps, place, work, version)
  } finally {
    await removeWork(deps, work)
  }
}

async function writeInputs(deps: LabCommandDeps, inputs: Inputs, work: string): Promise<void> {
  for (const [path, text] of Object.entries(RECIPE_FILES)) {
    await ensureDirectory(`${work}/${path.slice(0, path.lastIndexOf('/'))}`)
    await writeFile(`${work}/${path}`, text)
  }
  await writeFile(`${work}/debian.sources`, inputs.sources)
  const copy = async (from: string, name: string) => {
    const argv: [string, ...string[]] = ['cp', '--reflink=auto', '--', from, `${work}/${name}`]
    await runOrThrow(deps.exec, `copy ${from}`, { argv })
  }
  await copy(inputs.agent, 'os-agent')
  await copy(inputs.kubelet, 'kubelet')
  const proxy = productComponents(inputs.cluster).filter(({ name }) => name === 'proxy')
  await buildComponentImages({
    exec: deps.exec,
    components: [PAUSE_COMPONENT, ...proxy],
    outDir: `${work}/images`,
    version: PROXY_TAG,
    epochSeconds: EPOCH_SECONDS,
  })
}

/** Only what the lab needs of a version is made, and kept. */
async function buildVersion(
  deps: LabCommandDeps,
  place: Place,
  work: string,
  version: VmVersion,
): Promise<void> {
  await buildImage({
    ...planVmBuild(version),
    cwd: work,
    configFile: 'lab-vm.toml',
    epochSeconds: EPOCH_SECONDS,
    runsAsRoot: await runsAsRoot(deps),
    packageRoot: `${place.root}/${place.packageRoots[version]}`,
    without: UNUSED_STEPS,
    exec: deps.exec,
    clock: deps.clock,
    stop: deps.stop,
    report: (line) => deps.say(`  ${version} ${line}`),
  })
  const made = version === 'v1' ? 'system.qcow2' : 'root.img.zst'
  await renamePath(`${work}/${OUTPUT}/${made}`, `${place.folder}/${fileOfVersion(version)}`)
}

/** A killed build may leave files of other users of its namespace. */
async function removeWork(deps: LabCommandDeps, work: string): Promise<void> {
  const tools = createRootTools(await runsAsRoot(deps))
  const [program = 'rm', ...rest] = tools.asRoot(['rm', '-rf', '--', work])
  await runOrThrow(deps.exec, `remove ${work}`, { argv: [program, ...rest] })
}

async function runsAsRoot(deps: LabCommandDeps): Promise<boolean> {
  return (await runOrThrow(deps.exec, 'find the user', { argv: ['id', '-u'] })) === '0'
}
