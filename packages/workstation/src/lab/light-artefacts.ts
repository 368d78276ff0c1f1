// The image versions a lab's light nodes can be moved to: two good ones, and one whose kernel
// panics.
import { runOrThrow } from '@kubenest/base/exec'
import { digestFile, renamePath, stat, writeFile } from '@kubenest/base/files'
import type { LabDeps } from './control-plane.ts'
import { buildLightImage, imageManifest, type LightImageSpec } from './light-image.ts'

/** Versions, by the short name in file names. */
export const LIGHT_VERSIONS: Readonly<Record<'v1' | 'v2' | 'v3', LightImageSpec>> = {
  v1: { version: 'KubeOS v1', kernel: 'boots' },
  v2: { version: 'KubeOS v2', kernel: 'boots' },
  v3: { version: 'KubeOS v3', kernel: 'panics' },
}

/** What a new light node has in slot A. */
export const FACTORY_IMAGE = 'light-v1.img'

/**
 * Builds raw images, their compressed form, and a manifest beside them; returns what nodes check.
 */
export async function offerLightImages(
  deps: LabDeps,
  imageServer: string,
): Promise<{ v2: string; v3: string }> {
  const make = (name: keyof typeof LIGHT_VERSIONS) =>
    makeArtefact(deps, `light-${name}`, LIGHT_VERSIONS[name])
  await make('v1')
  const digests = { v2: await make('v2'), v3: await make('v3') }
  await deps.step(`Images v1, v2 and v3 of light nodes are served at ${imageServer}`)
  return digests
}

/** Makes one; returns the digest of the compressed image, which is what nodes download. */
async function makeArtefact(deps: LabDeps, name: string, spec: LightImageSpec): Promise<string> {
  const raw = `${deps.paths.images}/${name}.img`
  // Names without a dot in front are served: an image becomes visible when it is complete.
  const work = `${deps.paths.images}/.${name}.img`
  await buildLightImage(deps.exec, spec, `${deps.paths.images}/.${name}`, work)
  await runOrThrow(deps.exec, `compress ${name}`, {
    argv: ['zstd', '-q', '-f', '-3', work, '-o', `${raw}.zst`],
  })
  await renamePath(work, raw)
  const slotDigest = await digestFile(raw)
  const slotSizeBytes = (await stat(raw))?.sizeBytes ?? 0
  const compressed = {
    file: `${name}.img.zst`,
    kind: 'raw.zst',
    sizeBytes: (await stat(`${raw}.zst`))?.sizeBytes ?? 0,
    digest: await digestFile(`${raw}.zst`),
    slotDigest,
    slotSizeBytes,
  }
  const plain = {
    file: `${name}.img`,
    kind: 'raw',
    sizeBytes: slotSizeBytes,
    digest: slotDigest,
    slotDigest,
    slotSizeBytes,
  }
  const manifest = { ...imageManifest(spec), artefacts: [plain, compressed] }
  await writeFile(`${raw}.json`, `${JSON.stringify(manifest, undefined, 2)}\n`)
  return compressed.digest
}
