// What kbimg would do for an image of the lab, as text: every program with its arguments, and every
// file that it generates. Part of the cache's key, so that a change of kbimg that shows in an image
// makes new images, and one that does not leaves them.
import { ensureDirectory, removePath, writeFile } from '@kubenest/base/files'
import { parseConfig } from '../kbimg/parse-config.ts'
import type { BuiltImageType, ImageConfig } from '../kbimg/config.ts'
import { recordBuild } from '../kbimg/record-build.ts'
import type { StepId } from '../kbimg/plan-image.ts'
import { BASE_FILES, LIBC_FILES, renderComponentConfig } from '../oci/component-image.ts'
import type { Component } from '../oci/component-image.ts'
import { renderVmConfig, type VmVersion } from './vm-recipe.ts'

/** Time of every file in the images: the same input gives the same bytes. */
export const EPOCH_SECONDS = 1_767_225_600
/** Steps that make artefacts which a lab does not use. */
export const UNUSED_STEPS: readonly StepId[] = ['pack-tar', 'pack-container-image']

/** How one version is built. */
export interface VmBuild {
  readonly imageType: BuiltImageType
  readonly config: ImageConfig
}

/** New guests start from a disk of v1; the others are upgrades. */
export function planVmBuild(version: VmVersion): VmBuild {
  const imageType = version === 'v1' ? 'vm-img' : 'upgrade-img'
  const options = { imageType, architecture: 'x86_64', strict: true } as const
  return { imageType, config: parseConfig(renderVmConfig(version), options).config }
}

/** `packages`: how the root is made from packages; `image`: everything. */
export interface VmImageShape {
  readonly packages: string
  readonly image: string
}

/** Records the build of one version in a folder, which is removed. */
export async function describeVmImage(
  version: VmVersion,
  sources: string,
  folder: string,
): Promise<VmImageShape> {
  const { imageType, config } = planVmBuild(version)
  await removePath(folder)
  await ensureDirectory(folder, 0o700)
  try {
    await writeFile(`${folder}/debian.sources`, sources)
    const place = { cwd: folder, work: `${folder}/recorded`, epochSeconds: EPOCH_SECONDS }
    const { steps, files } = await recordBuild({ imageType, config, ...place })
    const used = steps.filter(({ id }) => !UNUSED_STEPS.includes(id))
    const packages = steps.filter(({ id }) => id === 'make-root')
    return {
      packages: JSON.stringify([sources, packages]),
      image: JSON.stringify([sources, used, files]),
    }
  } finally {
    await removePath(folder)
  }
}

/** What our container images in the guest are made of, beside their programs. */
export function describeComponents(components: readonly Component[], tag: string): string {
  const configs = components.map((component) => [
    component.name,
    component.user,
    renderComponentConfig(component, tag, ''),
  ])
  return JSON.stringify([LIBC_FILES, BASE_FILES, configs])
}
