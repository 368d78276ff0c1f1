// The source behind each image type, loaded at its first use: an idle agent carries none of them.
import { OsError } from '@kubenest/base/errors'
import type { CertificateDeps } from './certificates.ts'
import type { ImageSource } from './image-source.ts'

/** Makes a source that hands each request to the one for its `image_type`. */
export function createImageSource(deps: CertificateDeps): ImageSource {
  return {
    async open(request, limits, signal) {
      if (request.image_type !== 'disk') throw unsupported(request.image_type)
      const { createDiskSource } = await import('./disk.ts')
      return await createDiskSource(deps).open(request, limits, signal)
    },
  }
}

function unsupported(imageType: string): OsError {
  return new OsError('invalid', {
    code: 'image-type-unsupported',
    message: `Cannot prepare the upgrade: imagetype ${JSON.stringify(imageType.slice(0, 40))} is not supported by this agent; use "disk"`,
  })
}
