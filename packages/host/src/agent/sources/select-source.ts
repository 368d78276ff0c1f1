// The source behind each image type, loaded at its first use: an idle agent carries none of them.
import { OsError, toOsError } from '@kubenest/base/errors'
import { removePath, stat } from '@kubenest/base/files'
import type { ContainerDeps } from './container-source.ts'
import type { ImageSource } from './image-source.ts'
import { hasWorkFolder, IMAGE_MOUNT, removeWorkFolderIfEmpty, TAR_FILE } from './work-folder.ts'

/** Makes a source that hands each request to the one for its `image_type`. */
export function createImageSource(deps: ContainerDeps): ImageSource {
  return {
    async open(request, limits, signal) {
      const source = await load(deps, request.image_type)
      return await source.open(request, limits, signal)
    },
    discard: () => discardLeftovers(deps),
  }
}

async function load(deps: ContainerDeps, imageType: string): Promise<ImageSource> {
  switch (imageType) {
    case 'disk':
      return (await import('./disk.ts')).createDiskSource(deps)
    case 'docker':
      return (await import('./docker.ts')).createDockerSource(deps)
    case 'containerd':
      return (await import('./containerd.ts')).createContainerdSource(deps)
    default:
      throw unsupported(imageType)
  }
}

/**
 * What a killed run left tells by its folder which engine it was. An engine that does not answer
 * must not keep the agent from starting: the next run cleans up before it begins.
 */
async function discardLeftovers(deps: ContainerDeps): Promise<void> {
  if (!(await hasWorkFolder(deps.sysroot))) return
  const isMount = (await stat(deps.sysroot.path(IMAGE_MOUNT))) !== undefined
  try {
    await (await load(deps, isMount ? 'containerd' : 'docker')).discard?.()
  } catch (error) {
    const { code, message } = toOsError(error)
    // The copy of a download that was cut, or of an image: of no use in either case.
    await removePath(deps.sysroot.path(TAR_FILE))
    if (code === 'engine-missing') await removeWorkFolderIfEmpty(deps.sysroot)
    else deps.log.warn('leftovers stay', { code, reason: message })
  }
}

function unsupported(imageType: string): OsError {
  return new OsError('invalid', {
    code: 'image-type-unsupported',
    message: `Cannot prepare the upgrade: imagetype is ${JSON.stringify(imageType.slice(0, 40))}; use "disk", "docker" or "containerd"`,
  })
}
