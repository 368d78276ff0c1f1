// `<artefact>.json` beside each artefact (decision 23). Digests are of the bytes on the wire; raw
// roots also tell the digest of the slot after decompression.
import { replaceFile, stat } from '@kubenest/base/files'
import type { ImageArtefact } from '@kubenest/api/image/manifest'
import { type Build, run } from '../build.ts'
import { imageManifest, renderJson } from '../root-files.ts'

export async function writeManifests(build: Build): Promise<void> {
  await run(build, 'remove the root folder', build.tools.asRoot(['rm', '-rf', '--', build.root]))
  const digests = new Map<string, string>()
  for (const { file } of build.artefacts) digests.set(file, await digestOf(build, file))
  const slot = {
    digest: digests.get('root.img'),
    sizeBytes: (await stat(`${build.work}/root.img`))?.sizeBytes,
  }
  for (const known of build.artefacts) {
    const { file, kind } = known
    const isRaw = kind === 'raw' || kind === 'raw.zst'
    const artefact: ImageArtefact = {
      ...known,
      sizeBytes: (await stat(`${build.work}/${file}`))?.sizeBytes ?? 0,
      digest: digests.get(file) ?? '',
      ...(isRaw && slot.digest !== undefined && { slotDigest: slot.digest }),
      ...(isRaw && slot.sizeBytes !== undefined && { slotSizeBytes: slot.sizeBytes }),
    }
    const manifest = { ...imageManifest(build), artefacts: [artefact] }
    await replaceFile(`${build.work}/${file}.json`, renderJson(manifest), 0o640)
  }
}

async function digestOf(build: Build, file: string): Promise<string> {
  const output = await run(build, `digest ${file}`, ['sha256sum', '--', `${build.work}/${file}`])
  return output.slice(0, 64)
}
