// Image type `disk`: the image is a file on a web server. Refuses by looking before it asks for a
// byte.
import { openHttpDownload } from '@kubenest/base/http-download'
import { loadDownloadTls, type CertificateDeps } from './certificates.ts'
import type { ImageSource } from './image-source.ts'
import { parseImageUrl } from './image-url.ts'

/** Makes the source for http and https. */
export function createDiskSource(deps: CertificateDeps): ImageSource {
  return {
    async open(request, limits, signal) {
      const url = parseImageUrl(request.image_url, request.flag_safe)
      const tls = url.protocol === 'https:' ? await loadDownloadTls(request, deps) : undefined
      deps.log.info('asking for the image', { host: url.host, mtls: tls?.cert !== undefined })
      return await openHttpDownload({
        url,
        ...(tls === undefined ? {} : { tls }),
        sizeBytesMax: limits.sizeBytesMax,
        signal,
        clock: deps.clock,
      })
    },
  }
}
