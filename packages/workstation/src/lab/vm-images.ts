// Images of virtual nodes: taken from the cache by what goes into them, else built by kbimg.
// Packages are installed once; a version costs its last steps and a file system.
import { OsError } from '@kubenest/base/errors'
import { runOrThrow } from '@kubenest/base/exec'
import {
  digestFile,
  ensureDirectory,
  listDirectory,
  readText,
  removePath,
  renamePath,
  stat,
  writeFile,
} from '@kubenest/base/files'
import { takeLockFile } from '@kubenest/base/lock-file'
import { programCommand } from '@kubenest/base/self-program'
import { buildImage } from '../kbimg/build-image.ts'
import { createRootTools } from '../kbimg/namespaces.ts'
import { OUTPUT } from '../kbimg/output-folder.ts'
import { parseConfig } from '../kbimg/parse-config.ts'
import { planPackages } from '../kbimg/plan-image.ts'
import { parseRepoKind } from '../kbimg/repo-kind.ts'
import { buildComponentImages } from '../oci/build-component-image.ts'
import { PAUSE_COMPONENT, productComponents } from '../oci/component-image.ts'
import { sha256Hex } from '../oci/oci-layout.ts'
import {
  EXAMPLE_SOURCES,
  RECIPE_FILES,
  renderVmConfig,
  VM_VERSIONS,
  type VmVersion,
} from './vm-recipe.ts'
import type { LabCommandDeps } from './lab-up.ts'

/** Disk that new guests start from; beside it `vN.img.zst` for each further version. */
export const VM_DISK = 'v1.qcow2'
/** Files of the machine's own package sources on Debian. */
const OWN_SOURCES = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']
/** Release the list of packages was written for. */
const SUITE = 'bookworm'
/** Time of every file in the images: the same input gives the same bytes. */
const EPOCH_SECONDS = 1_767_225_600
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
  await ensureDirectory(root)
  const lock = await takeLockFile(`${root}/lock`)
  try {
    const key = await keyOf(inputs)
    const folder = `${root}/${key}`
    const missing: VmVersion[] = []
    for (const version of versions)
      if ((await stat(`${folder}/${fileOf(version)}`)) === undefined) missing.push(version)
    if (missing.length > 0) await buildVersions(deps, { root, folder, inputs }, missing)
    await removeOthers(root, key)
    return folder
  } finally {
    await lock.release()
  }
}

function fileOf(version: VmVersion): string {
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

/** One key for all versions of the same parts. */
async function keyOf(inputs: Inputs): Promise<string> {
  const parts = [
    await digestFile(inputs.agent),
    await digestFile(inputs.cluster),
    await digestFile(inputs.kubelet),
    inputs.sources,
    ...VM_VERSIONS.map(renderVmConfig),
    JSON.stringify(RECIPE_FILES),
  ]
  return await shortDigest(parts.join('\0'))
}

async function shortDigest(text: string): Promise<string> {
  return (await sha256Hex(new TextEncoder().encode(text))).slice(0, 16)
}

interface Place {
  readonly root: string
  readonly folder: string
  readonly inputs: Inputs
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
    layers: 'plain',
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
  const imageType = version === 'v1' ? 'vm-img' : 'upgrade-img'
  const { config } = parseConfig(renderVmConfig(version), {
    imageType,
    architecture: 'x86_64',
    strict: true,
  })
  const packages = await shortDigest(planPackages(config).join(',') + place.inputs.sources)
  await buildImage({
    imageType,
    config,
    cwd: work,
    configFile: 'lab-vm.toml',
    epochSeconds: EPOCH_SECONDS,
    runsAsRoot: await runsAsRoot(deps),
    packageRoot: `${place.root}/packages-${packages}.tar`,
    without: ['pack-tar', 'pack-container-image'],
    exec: deps.exec,
    clock: deps.clock,
    stop: deps.stop,
    report: (line) => deps.say(`  ${version} ${line}`),
  })
  const made = version === 'v1' ? 'system.qcow2' : 'root.img.zst'
  await renamePath(`${work}/${OUTPUT}/${made}`, `${place.folder}/${fileOf(version)}`)
}

/** Images of earlier parts; running labs have links of their own. */
async function removeOthers(root: string, key: string): Promise<void> {
  for (const name of await listDirectory(root))
    if (/^[0-9a-f]{16}$/.test(name) && name !== key) await removePath(`${root}/${name}`)
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
