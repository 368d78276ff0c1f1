// Model `pam.limits`: limits of sessions, in force from the next login (contract 5.7). The key is
// the domain, the value is `type.item.value`; `_` keeps what the file says.
import type {
  ModelPlan,
  SettingModel,
  SettingTarget,
  SettingWarning,
  WatchedKey,
} from './setting-model.ts'
import {
  limitLine,
  parseLimitsFile,
  renderLimitsFile,
  type Limit,
  type LimitsLine,
} from './limits-file.ts'
import { checkText, refusal, shown, valueText } from './setting-values.ts'

const NAME = 'pam.limits'
const PATH = '/etc/security/limits.conf'
const DOMAIN = /^[^\s#]{1,256}$/
const PART = /^[A-Za-z0-9_+-]{1,64}$/

export const pamLimits: SettingModel = {
  name: NAME,
  targetsOf(entry) {
    for (const [key, { value }] of Object.entries(entry.contents)) {
      const text = valueText(key, value)
      if (keyFault(key) === undefined && text !== undefined) checkContent(key, text)
    }
    return [TARGET]
  },
  plan(entry, read) {
    const before = read(PATH)
    if (before === undefined)
      throw refusal('limits-file-missing', `${PATH} does not exist; install the package of PAM`)
    let lines = parseLimitsFile(PATH, before)
    const warnings: SettingWarning[] = []
    const watched: WatchedKey[] = []
    for (const [key, { value, operation }] of Object.entries(entry.contents)) {
      const step = planKey(lines, key, valueText(key, value), operation)
      lines = step.lines
      warnings.push(...step.reasons.map((reason) => ({ model: NAME, key, reason })))
      if (step.isDone) watched.push({ model: NAME, path: PATH, key })
    }
    const changes = [{ target: TARGET, content: renderLimitsFile(lines) }]
    return { changes, warnings, watched } satisfies ModelPlan
  },
  observe(text, { key }) {
    const line = parseLimitsFile(PATH, text).find((each) => isOfDomain(each, key))
    return line?.kind === 'limit' ? textOf(line.limit) : undefined
  },
}

const TARGET: SettingTarget = { path: PATH, kind: 'file', isAllowed: (path) => path === PATH }

interface Step {
  readonly lines: LimitsLine[]
  readonly isDone: boolean
  readonly reasons: readonly string[]
}

function planKey(
  lines: LimitsLine[],
  key: string,
  text: string | undefined,
  operation: string,
): Step {
  const skip = (reason: string): Step => ({ lines, isDone: false, reasons: [reason] })
  const fault = keyFault(key)
  if (fault !== undefined) return skip(fault)
  if (text === undefined) return skip('the value is a list or an object')
  const at = lines.findIndex((line) => isOfDomain(line, key))
  const line = lines[at]
  if (operation === 'delete') {
    if (line?.kind !== 'limit') return skip('there is nothing to delete')
    if (textOf(line.limit) !== text) return skip('the value differs, so it is not deleted')
    return { lines: lines.toSpliced(at, 1), isDone: true, reasons: [] }
  }
  const parts = text.split('.')
  if (parts.length !== 3) return skip('the value is not type.item.value')
  const limit = mergeLimit(key, parts, line?.kind === 'limit' ? line.limit : undefined)
  if (limit === undefined) return skip('the domain has no line that "_" could keep a part of')
  const next = limitLine(limit, line?.text)
  const reasons = operation === '' ? [] : ['the operation is unknown and taken as an update']
  return { lines: at < 0 ? [...lines, next] : lines.with(at, next), isDone: true, reasons }
}

/** `undefined` when a part is to be kept and there is none. */
function mergeLimit(
  domain: string,
  parts: readonly string[],
  old: Limit | undefined,
): Limit | undefined {
  const olds = [old?.type, old?.item, old?.value]
  const [type, item, value] = parts.map((part, index) => (part === '_' ? olds[index] : part))
  if (type === undefined || item === undefined || value === undefined) return undefined
  return { domain, type, item, value }
}

function isOfDomain(line: LimitsLine, domain: string): boolean {
  return line.kind === 'limit' && line.limit.domain === domain
}

function textOf({ type, item, value }: Limit): string {
  return `${type}.${item}.${value}`
}

/** Keys that the contract skips with a warning. */
function keyFault(key: string): string | undefined {
  if (key === '') return 'the key is empty'
  return key.includes(' ') ? 'the key holds a blank' : undefined
}

function checkContent(key: string, text: string): void {
  checkText(key, key)
  if (!DOMAIN.test(key))
    throw refusal('limits-domain-malformed', `${shown(key)} is not a domain of limits.conf`)
  const parts = text.split('.')
  // Another number of parts is skipped with a warning.
  if (parts.length !== 3) return
  if (!parts.every((part) => PART.test(part)))
    throw refusal(
      'limits-value-malformed',
      `the value ${shown(text)} of ${shown(key)} is not type.item.value, like hard.nofile.65535`,
    )
  if (parts[1] === 'chroot')
    throw refusal(
      'limits-item-denied',
      `the item chroot of ${shown(key)} may not be set: it changes which programs a login runs; remove it`,
    )
}
