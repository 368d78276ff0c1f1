// The documented upgrade image: a container image with /os.tar alone, as an OCI archive (contract
// 6.11).
import { ensureDirectory, removePath, stat } from '@kubenest/base/files'
import { packOciArchive, stableTarArgv } from '../../oci/oci-archive.ts'
import { fullImageName, writeOciLayout } from '../../oci/oci-layout.ts'
import { type Build, run } from '../build.ts'
import { imageManifest } from '../root-files.ts'

/** File name of the archive below scripts-auto. */
export const UPGRADE_ARCHIVE = 'upgrade-img.oci.tar'

export async function packContainerImage(build: Build): Promise<void> {
  const folder = `${build.work}/oci`
  const stage = `${build.work}/oci-stage`
  const layer = `${build.work}/layer.tar`
  await ensureDirectory(`${folder}/blobs/sha256`)
  await ensureDirectory(stage)
  await run(build, 'stage os.tar', ['ln', `${build.work}/kubeos.tar`, `${stage}/os.tar`])
  await run(build, 'pack the layer', [
    ...stableTarArgv(layer, stage, build.builtAtSeconds),
    'os.tar',
  ])
  const diffId = await digestOf(build, layer)
  await run(build, 'compress the layer', ['gzip', '-n', '-6', layer])
  const digest = await digestOf(build, `${layer}.gz`)
  const sizeBytes = (await stat(`${layer}.gz`))?.sizeBytes ?? 0
  await run(build, 'store the layer', ['mv', `${layer}.gz`, `${folder}/blobs/sha256/${digest}`])
  const name = fullImageName(build.config.repo.upgradeImage ?? 'kubeos')
  const { digest: imageDigest } = await writeOciLayout(folder, {
    name,
    architecture: 'amd64',
    createdAt: imageManifest(build).builtAt,
    config: { Labels: { 'io.kubenest.osversion': imageManifest(build).osversion } },
    layers: [
      { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, sizeBytes, diffId },
    ],
  })
  await packOciArchive(build.exec, folder, `${build.work}/${UPGRADE_ARCHIVE}`, build.builtAtSeconds)
  await removePath(folder)
  await removePath(stage)
  build.artefacts.push({
    file: UPGRADE_ARCHIVE,
    kind: 'oci',
    imageDigest: imageDigest.replace('sha256:', ''),
  })
}

async function digestOf(build: Build, file: string): Promise<string> {
  return (await run(build, `digest ${file}`, ['sha256sum', '--', file])).slice(0, 64)
}
