// Which URLs may be asked (contract 4.5.1): https always, http only when the user says so by
// flagSafe.
import { OsError } from '@kubenest/base/errors'

const URL_LENGTH_MAX = 4096

/** Parses `image_url`; throws for what is malformed, unsafe, or neither http nor https. */
export function parseImageUrl(text: string, isHttpAllowed: boolean): URL {
  // oxlint-disable-next-line no-control-regex
  const isPlain = text.length <= URL_LENGTH_MAX && !/[\u0000-\u0020\u007f-\u009f]/.test(text)
  const url = isPlain ? URL.parse(text) : null
  if (url === null || url.hostname === '')
    throw refusal('image-url-malformed', 'imageurl is empty or not a URL; write https://host/path')
  if (url.protocol === 'https:') return url
  if (url.protocol !== 'http:')
    throw refusal('image-url-scheme', `imageurl has the scheme ${url.protocol}; use https or http`)
  if (!isHttpAllowed)
    throw refusal('image-url-unsafe', 'imageurl is not https; use https, or set flagSafe: true')
  return url
}

function refusal(code: string, reason: string): OsError {
  return new OsError('invalid', { code, message: `Cannot download the image: ${reason}` })
}
