// The operator's local zone: TZ when set, else the mounted /etc/localtime, else UTC (contract 1.9,
// trap 2).
import { OsError } from '@kubenest/base/errors'
import { parseTimeZone, posixZone, utcZone, type TimeZone } from '@kubenest/base/time-zone'

const LOCAL_TIME = '/etc/localtime'
const ZONE_FOLDER = '/usr/share/zoneinfo'
const ZONE_NAME = /^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+)*$/

/**
 * Loads the zone.
 *
 * @throws {OsError} kind `invalid`, code `config-time-zone`, when TZ names nothing that can be
 * found.
 */
export async function loadTimeZone(
  tz: string | undefined,
  readBytes: (file: string) => Promise<Uint8Array | undefined>,
): Promise<TimeZone> {
  if (tz === undefined) {
    const bytes = await readBytes(LOCAL_TIME)
    return bytes === undefined ? utcZone : parseTimeZone(bytes)
  }
  const name = tz.replace(/^:/, '')
  if (name === '' || name === 'UTC') return utcZone
  const file = name.startsWith('/') ? name : `${ZONE_FOLDER}/${name}`
  const bytes = name.startsWith('/') || ZONE_NAME.test(name) ? await readBytes(file) : undefined
  if (bytes !== undefined) return parseTimeZone(bytes)
  try {
    return posixZone(name)
  } catch (cause) {
    throw new OsError('invalid', {
      code: 'config-time-zone',
      message: `Cannot use TZ=${JSON.stringify(tz.slice(0, 80))}: ${file} does not exist and it is no POSIX rule; mount the zone file at ${LOCAL_TIME} and leave TZ unset`,
      cause,
    })
  }
}
