// Is it inside the documented time window (contract 2.5), and when does it next open? Pure. Both
// bounds are exclusive, now is cut to whole seconds, and wall-clock readings are compared: in the
// hour that a clock change repeats, the window is open in both passes; in the hour it skips, it
// opens at the change.

const DAY_SECONDS = 86_400
const SEARCH_DAYS = 3
const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})$/
const TIME = /^(\d{2}):(\d{2}):(\d{2})$/

/** Seconds east of UTC at an instant in seconds. */
type OffsetAt = (epochSeconds: number) => number

/** A valid window: local seconds since 1970 (`dated`), or seconds of the day (`daily`). */
export interface TimeWindow {
  kind: 'dated' | 'daily'
  start: number
  end: number
}

/**
 * Parses both strings; an error names the field and the remedy. `undefined` window: no restriction.
 */
export function parseTimeWindow(
  texts: { start: string; end: string } | undefined,
): { window: TimeWindow | undefined } | { problem: string } {
  if (texts === undefined || (texts.start === '' && texts.end === '')) return { window: undefined }
  if (texts.start === '' || texts.end === '')
    return { problem: 'needs both starttime and endtime, or neither' }
  const start = parseMoment(texts.start)
  const end = parseMoment(texts.end)
  if (start === undefined) return { problem: badMoment('starttime', texts.start) }
  if (end === undefined) return { problem: badMoment('endtime', texts.end) }
  if (start.kind !== end.kind)
    return { problem: 'has two formats; write both with a date or both without' }
  if (start.seconds === end.seconds)
    return { problem: 'has no length: starttime equals endtime; set a later endtime' }
  if (start.kind === 'dated' && end.seconds < start.seconds)
    return { problem: `ends (${texts.end}) before it starts (${texts.start}); exchange the two` }
  return { window: { kind: start.kind, start: start.seconds, end: end.seconds } }
}

function badMoment(field: string, text: string): string {
  return `has ${field} ${JSON.stringify(text.slice(0, 40))}; write HH:MM:SS or YYYY-MM-DD HH:MM:SS`
}

function parseMoment(text: string): { kind: 'dated' | 'daily'; seconds: number } | undefined {
  const daily = TIME.exec(text)
  if (daily !== null) {
    const seconds = secondsOfDay(daily[1], daily[2], daily[3])
    return seconds === undefined ? undefined : { kind: 'daily', seconds }
  }
  const dated = DATE_TIME.exec(text)
  if (dated === null) return undefined
  const [, year, month, day] = dated.map(Number)
  const seconds = secondsOfDay(dated[4], dated[5], dated[6])
  if (seconds === undefined) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year ?? 0, (month ?? 0) - 1, day ?? 0)
  const isReal = date.getUTCMonth() === (month ?? 0) - 1 && date.getUTCDate() === day
  return isReal ? { kind: 'dated', seconds: date.getTime() / 1000 + seconds } : undefined
}

function secondsOfDay(hours = '', minutes = '', seconds = ''): number | undefined {
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
}

/** True inside the window. */
export function isInsideWindow(window: TimeWindow, nowMs: number, offsetAt: OffsetAt): boolean {
  const now = Math.floor(nowMs / 1000)
  const local = now + offsetAt(now)
  if (window.kind === 'dated') return window.start < local && local < window.end
  const time = ((local % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS
  return window.start < window.end
    ? window.start < time && time < window.end
    : time > window.start || time < window.end
}

/**
 * The first instant from now on that is inside, milliseconds; `undefined` when it never opens
 * again.
 */
export function nextOpenMs(
  window: TimeWindow,
  nowMs: number,
  offsetAt: OffsetAt,
): number | undefined {
  if (isInsideWindow(window, nowMs, offsetAt)) return nowMs
  const now = Math.floor(nowMs / 1000)
  const instants = openings(window, now, offsetAt)
    .flatMap((local) => instantsOf(local, offsetAt))
    .filter((seconds) => seconds > now && isInsideWindow(window, seconds * 1000, offsetAt))
  return instants.length === 0 ? undefined : Math.min(...instants) * 1000
}

/** Local seconds at which it opens; the bounds are exclusive, so one second after the start. */
function openings(window: TimeWindow, now: number, offsetAt: OffsetAt): number[] {
  if (window.kind === 'dated') return [window.start + 1]
  const today = Math.floor((now + offsetAt(now)) / DAY_SECONDS) * DAY_SECONDS
  const starts = window.start < window.end ? [window.start + 1] : [window.start + 1, 0]
  return Array.from({ length: SEARCH_DAYS + 1 }, (_, day) =>
    starts.map((start) => today + (day - 1) * DAY_SECONDS + start),
  ).flat()
}

/** Instants that show this local time, or the clock change that skips it. */
function instantsOf(local: number, offsetAt: OffsetAt): number[] {
  const early = local - offsetAt(local - DAY_SECONDS)
  const late = local - offsetAt(local + DAY_SECONDS)
  return early === late ? [early] : [early, late, changeBetween(early, late, offsetAt)]
}

/** The instant of the clock change around two readings; binary search on the offset. */
function changeBetween(first: number, second: number, offsetAt: OffsetAt): number {
  let low = Math.min(first, second) - DAY_SECONDS
  let high = Math.max(first, second) + DAY_SECONDS
  const before = offsetAt(low)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetAt(middle) === before) low = middle
    else high = middle
  }
  return high
}
