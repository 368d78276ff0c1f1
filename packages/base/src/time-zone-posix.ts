// POSIX time zone rules such as "CET-1CEST,M3.5.0,M10.5.0/3": the footer of a TZif file and the
// value of TZ.
import { OsError } from './errors.ts'

const DAY_SECONDS = 86_400
const RULE_TIME_DEFAULT_SECONDS = 7200
const NAME = '(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)'
const TIME = '[+-]?\\d{1,3}(?::\\d{1,2}(?::\\d{1,2})?)?'
const ZONE = new RegExp(`^${NAME}(${TIME})(?:${NAME}(${TIME})?(?:,([^,]+),([^,]+))?)?$`)
const HAS_SUMMER = new RegExp(`^${NAME}${TIME}${NAME}`)
const RULE = new RegExp(
  `^(?:M(\\d{1,2})\\.([1-5])\\.([0-6])|J(\\d{1,3})|(\\d{1,3}))(?:/(${TIME}))?$`,
)
/** What the C library takes when a rule with summer time names no dates. */
const RULES_DEFAULT = ['M3.2.0', 'M11.1.0'] as const

/** Seconds east of UTC at an instant given in seconds since 1970 UTC. */
export type OffsetAt = (epochSeconds: number) => number

/**
 * Parses a POSIX rule.
 *
 * @throws {OsError} kind `invalid`, code `time-zone-invalid`, when the text is not such a rule.
 */
export function parsePosixZone(text: string): OffsetAt {
  const match = ZONE.exec(text)
  if (match === null) throw invalid(text)
  const standard = 0 - parseSeconds(match[1] ?? '0')
  if (!HAS_SUMMER.test(text)) return () => standard
  const summer = match[2] === undefined ? standard + 3600 : 0 - parseSeconds(match[2])
  const start = parseRule(match[3] ?? RULES_DEFAULT[0], text)
  const end = parseRule(match[4] ?? RULES_DEFAULT[1], text)
  return (epochSeconds) => {
    const year = new Date((epochSeconds + standard) * 1000).getUTCFullYear()
    const from = start(year) - standard
    const until = end(year) - summer
    const isSummer =
      from < until
        ? epochSeconds >= from && epochSeconds < until
        : epochSeconds >= from || epochSeconds < until
    return isSummer ? summer : standard
  }
}

/** Local seconds, counted as if local time were UTC, at which a rule applies in a year. */
type Rule = (year: number) => number

function parseRule(text: string, whole: string): Rule {
  const match = RULE.exec(text)
  if (match === null) throw invalid(whole)
  const [, month, week, weekday, julian, day, time] = match
  const seconds = time === undefined ? RULE_TIME_DEFAULT_SECONDS : parseSeconds(time)
  if (month !== undefined) {
    if (Number(month) < 1 || Number(month) > 12) throw invalid(whole)
    return (year) => monthDay(year, Number(month), Number(week), Number(weekday)) + seconds
  }
  if (julian !== undefined) return (year) => julianDay(year, Number(julian)) + seconds
  return (year) => Date.UTC(year, 0, 1) / 1000 + Number(day) * DAY_SECONDS + seconds
}

/** The n-th weekday of a month; 5 means the last one. */
function monthDay(year: number, month: number, week: number, weekday: number): number {
  const first = new Date(Date.UTC(year, month - 1, 1))
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate()
  let day = 1 + ((weekday - first.getUTCDay() + 7) % 7) + (week - 1) * 7
  if (day > days) day -= 7
  return Date.UTC(year, month - 1, day) / 1000
}

/** Day 1 to 365; the 29th of February is never counted. */
function julianDay(year: number, day: number): number {
  const leap = new Date(Date.UTC(year, 1, 29)).getUTCMonth() === 1
  return Date.UTC(year, 0, 1) / 1000 + (leap && day >= 60 ? day : day - 1) * DAY_SECONDS
}

function parseSeconds(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  const [hours = '0', minutes = '0', seconds = '0'] = text.replace(/^[+-]/, '').split(':')
  return sign * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds))
}

function invalid(text: string): OsError {
  return new OsError('invalid', {
    code: 'time-zone-invalid',
    message: `Cannot use the time zone rule ${JSON.stringify(text.slice(0, 80))}: it is not of the form CET-1CEST,M3.5.0,M10.5.0/3`,
  })
}
