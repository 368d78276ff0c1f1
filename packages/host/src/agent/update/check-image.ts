// What can be said of the image that a request names before anything is asked for: a version or a
// checksum that can never match would cost the standby slot its content first.
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import { imageIdentity, type ImageIdentity } from '@kubenest/api/os/records'
import { OsError } from '@kubenest/base/errors'
import { parseChecksum } from '../sources/image-digest.ts'

const VERSION_LENGTH_MAX = 256

/** The image's identity; throws codes `checksum-malformed` and `osversion-malformed`. */
export function checkImage(request: PrepareUpgradeParams): ImageIdentity {
  const { version } = request
  const isLine = version !== '' && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(version)
  if (!isLine || version.length > VERSION_LENGTH_MAX)
    throw new OsError('invalid', {
      code: 'osversion-malformed',
      message: `Cannot prepare the upgrade: osversion is ${JSON.stringify(version.slice(0, 100))}; set it to PRETTY_NAME in the os-release of the image, one line of at most ${VERSION_LENGTH_MAX} characters`,
    })
  return imageIdentity(parseChecksum(request.check_sum), version)
}
