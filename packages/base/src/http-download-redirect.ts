// Where a redirect may lead (threat T4): the same or a stronger scheme, and never into this machine
// or the link-local net, where metadata services live, unless the user's own URL already pointed
// there.
import { OsError } from './errors.ts'

/** Redirects that are followed. */
export const REDIRECTS_MAX = 5

/** The part of the address space an address belongs to, as far as redirects care. */
export type AddressArea = 'loopback' | 'link-local' | 'other'

/**
 * The target of a redirect.
 *
 * @throws {OsError} kind `invalid`, code `redirect-refused`, for a missing or malformed target or a
 * weaker scheme.
 */
export function redirectTarget(from: URL, location: string | null): URL {
  const target = location === null ? null : URL.parse(location, from)
  if (target === null) throw redirectRefused(from, 'its target is missing or malformed')
  if (target.protocol !== 'https:' && target.protocol !== 'http:')
    throw redirectRefused(from, `its target is neither http nor https but ${target.protocol}`)
  if (from.protocol === 'https:' && target.protocol === 'http:')
    throw redirectRefused(from, 'it leads from https to http; serve the file over https')
  return target
}

/** The area of an IP address in text form. */
export function areaOf(address: string): AddressArea {
  const ip = unmapped(address.toLowerCase())
  if (/^(127\.|0\.)/.test(ip) || ip === '::1' || ip === '::') return 'loopback'
  if (ip.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/.test(ip)) return 'link-local'
  // The metadata service that Amazon keeps in the unique-local range.
  return ip === 'fd00:ec2::254' ? 'link-local' : 'other'
}

/** ::ffff:127.0.0.1 and its other spelling ::ffff:7f00:1 are 127.0.0.1. */
function unmapped(ip: string): string {
  const mapped = /^(?:::|(?:0:){5})ffff:(?:(\d+\.[\d.]+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/.exec(ip)
  if (mapped === null) return ip
  if (mapped[1] !== undefined) return mapped[1]
  const words = [mapped[2], mapped[3]].map((word) => Number.parseInt(word ?? '0', 16))
  return words.flatMap((word) => [word >> 8, word & 0xff]).join('.')
}

/** Refuses a host whose addresses lie in an area that the first host's do not. */
export function checkRedirectArea(
  from: URL,
  firstAddresses: readonly string[],
  addresses: readonly string[],
): void {
  const allowed = new Set<AddressArea>(['other', ...firstAddresses.map(areaOf)])
  const area = addresses.map(areaOf).find((each) => !allowed.has(each))
  if (area !== undefined) throw redirectRefused(from, `it leads to a ${area} address`)
}

/** A redirect that is not followed. */
export function redirectRefused(from: URL, reason: string): OsError {
  return new OsError('invalid', {
    code: 'redirect-refused',
    message: `Cannot follow the redirect of ${from.host}: ${reason}`,
    fields: { host: from.host },
  })
}
