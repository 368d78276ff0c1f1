// The source behind each image type, loaded at its first use: an idle agent carries none of them.
import { OsError, toOsError } from '@kubenest/base/errors'
import { removePath, stat } from '@kubenest/base/files'
import type { ContainerDeps } from './container-source.ts'
import type { ImageSource } from './image-source.ts'
import { CONTAINER_MARK, hasWorkFolder, IMAGE_MOUNT } from './work-folder.ts'

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
 * What a killed run left tells which engine it was. An engine that does not answer must not keep
 * the agent from starting: the next start or run cleans up.
 */
async function discardLeftovers(deps: ContainerDeps): Promise<void> {
  if (!(await hasWorkFolder(deps.sysroot))) return
  const isLeft = async (place: string) => (await stat(deps.sysroot.path(place))) !== undefined
  const engine = (await isLeft(IMAGE_MOUNT)) ? 'containerd' : 'docker'
  if (engine === 'docker' && !(await isLeft(CONTAINER_MARK))) return
  try {
    await (await load(deps, engine)).discard?.()
  } catch (error) {
    const { code, message } = toOsError(error)
    // Its containers went with it.
    if (code === 'engine-missing') await removePath(deps.sysroot.path(CONTAINER_MARK))
    else deps.log.warn('leftovers stay', { code, reason: message })
  }
}

function unsupported(imageType: string): OsError {
  return new OsError('invalid', {
    code: 'image-type-unsupported',
    message: `Cannot prepare the upgrade: imagetype is ${JSON.stringify(imageType.slice(0, 40))}; use "disk", "docker" or "containerd"`,
  })
}
