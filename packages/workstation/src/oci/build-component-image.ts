// Makes the container images of operator and proxy as OCI archives, without Docker: two layers
// each, the C library from Debian's package and our executable.
import { OsError } from '@kubenest/base/errors'
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import {
  ensureDirectory,
  listDirectory,
  removePath,
  replaceFile,
  stat,
  writeFile,
} from '@kubenest/base/files'
import { BASE_FILES, type Component, LIBC_FILES, renderComponentConfig } from './component-image.ts'
import { packOciArchive, stableTarArgv } from './oci-archive.ts'
import { fullImageName, type OciLayer, writeOciLayout } from './oci-layout.ts'

/** Inputs of a build of both images. */
export interface ComponentImageRequest {
  readonly exec: Exec
  readonly components: readonly Component[]
  /** Folder for `NAME.oci.tar` of each component and `images.json`. */
  readonly outDir: string
  /** Tag of the images and their version label. */
  readonly version: string
  readonly epochSeconds: number
}

/** One archive that was made. */
export interface BuiltComponent {
  /** Name with registry and tag, for example `docker.io/library/kubenest-operator:v1`. */
  readonly name: string
  readonly file: string
  /** SHA-256 of the image's manifest, `sha256:…`: what a registry shows. */
  readonly imageDigest: string
  /** SHA-256 of the archive, hex. */
  readonly digest: string
  readonly libcVersion: string
}

/**
 * Builds all archives; earlier ones of the same names are replaced when the new ones are complete.
 */
export async function buildComponentImages(
  request: ComponentImageRequest,
): Promise<BuiltComponent[]> {
  for (const { executable } of request.components) await requireExecutable(executable)
  await ensureDirectory(request.outDir)
  const work = `${request.outDir}/.images.new`
  await removePath(work)
  try {
    const libcVersion = await makeBase(request, work)
    const built: BuiltComponent[] = []
    for (const component of request.components)
      built.push(await buildComponent(request, work, component, libcVersion))
    await replaceFile(`${request.outDir}/images.json`, `${JSON.stringify(built, null, 2)}\n`)
    return built
  } finally {
    await removePath(work)
  }
}

async function requireExecutable(file: string): Promise<void> {
  if ((await stat(file)) !== undefined) return
  throw new OsError('invalid', {
    code: 'no-executable',
    message: `Cannot build container images: ${file} does not exist; run make build first`,
  })
}

/** Folder `base` below `work`; returns the version of the C library in it. */
async function makeBase(request: ComponentImageRequest, work: string): Promise<string> {
  const base = `${work}/base`
  await ensureDirectory(`${work}/libc6`)
  await run(request, 'fetch the C library', ['apt-get', 'download', '-q', 'libc6'], work)
  const deb = (await listDirectory(work)).find((name) => name.endsWith('.deb')) ?? ''
  await run(request, 'unpack the C library', ['dpkg-deb', '-x', `${work}/${deb}`, `${work}/libc6`])
  for (const folder of ['etc', 'run', 'var', 'lib64', 'lib/x86_64-linux-gnu'])
    await ensureDirectory(`${base}/${folder}`)
  const library = 'lib/x86_64-linux-gnu'
  const files = LIBC_FILES.map((name) => `${work}/libc6/${library}/${name}`)
  await run(request, 'take the C library', ['cp', '-a', '--', ...files, `${base}/${library}/`])
  await run(request, 'link the loader', [
    'cp',
    '-a',
    '--',
    `${work}/libc6/lib64/ld-linux-x86-64.so.2`,
    `${base}/lib64/`,
  ])
  await run(request, 'link /var/run', ['ln', '-s', '/run', `${base}/var/run`])
  for (const [path, text] of Object.entries(BASE_FILES)) await writeFile(`${base}/${path}`, text)
  return run(request, 'read the version of the C library', [
    'dpkg-deb',
    '-f',
    `${work}/${deb}`,
    'Version',
  ])
}

async function buildComponent(
  request: ComponentImageRequest,
  work: string,
  component: Component,
  libcVersion: string,
): Promise<BuiltComponent> {
  const { epochSeconds } = request
  const layout = `${work}/${component.name}`
  const program = `${work}/${component.name}-program`
  await ensureDirectory(`${layout}/blobs/sha256`)
  await ensureDirectory(program)
  await run(request, 'take the executable', [
    'cp',
    '--',
    component.executable,
    `${program}/${component.name}`,
  ])
  const owner = { user: component.user, mode: '0500' }
  const layers = [
    await addLayer(request, layout, [
      ...stableTarArgv(`${layout}/layer`, `${work}/base`, epochSeconds),
      '.',
    ]),
    await addLayer(request, layout, [
      ...stableTarArgv(`${layout}/layer`, program, epochSeconds, owner),
      component.name,
    ]),
  ]
  const name = fullImageName(`kubenest-${component.name}:${request.version}`)
  const { digest: imageDigest } = await writeOciLayout(layout, {
    name,
    architecture: 'amd64',
    createdAt: new Date(epochSeconds * 1000).toISOString(),
    layers,
    config: renderComponentConfig(component, request.version, libcVersion),
  })
  const file = `${component.name}.oci.tar`
  await packOciArchive(request.exec, layout, `${work}/${file}`, epochSeconds)
  const digest = await digestOf(request, `${work}/${file}`)
  await run(request, `store ${file}`, ['mv', '--', `${work}/${file}`, `${request.outDir}/${file}`])
  return { name, file, imageDigest, digest, libcVersion }
}

/** Makes `layout/layer` with tar, compresses it if wanted, and stores it under its digest. */
async function addLayer(
  request: ComponentImageRequest,
  layout: string,
  tar: readonly string[],
): Promise<OciLayer> {
  const file = `${layout}/layer`
  await run(request, 'pack a layer', tar)
  const diffId = await digestOf(request, file)
  await run(request, 'compress a layer', ['gzip', '-n', '-6', file])
  const digest = await digestOf(request, `${file}.gz`)
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
  return { mediaType, diffId, ...(await storeLayer(request, layout, `${file}.gz`, digest)) }
}

async function storeLayer(
  request: ComponentImageRequest,
  layout: string,
  file: string,
  digest: string,
): Promise<Pick<OciLayer, 'digest' | 'sizeBytes'>> {
  const sizeBytes = (await stat(file))?.sizeBytes ?? 0
  await run(request, 'store a layer', ['mv', '--', file, `${layout}/blobs/sha256/${digest}`])
  return { digest, sizeBytes }
}

async function digestOf(request: ComponentImageRequest, file: string): Promise<string> {
  return (await run(request, `digest ${file}`, ['sha256sum', '--', file])).slice(0, 64)
}

function run(
  request: ComponentImageRequest,
  purpose: string,
  argv: readonly string[],
  cwd = '/',
): Promise<string> {
  return runOrThrow(request.exec, purpose, { argv: ['nice', ...argv], cwd })
}
