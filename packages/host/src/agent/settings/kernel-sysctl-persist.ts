// Model `kernel.sysctl.persist`: values in a sysctl file, effective from the next boot (contract
// 5.3).
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import type {
  ModelPlan,
  SettingModel,
  SettingTarget,
  SettingWarning,
  WatchedKey,
} from './setting-model.ts'
import { valueText } from './setting-values.ts'
import { configFileOf, isConfigFile, type ConfigFileRules } from './config-file.ts'
import { parseSysctlFile, renderSysctlFile, type SysctlLine } from './sysctl-file.ts'
import { checkFileKey } from './sysctl-key.ts'

const NAME = 'kernel.sysctl.persist'
const FILES: ConfigFileRules = {
  model: NAME,
  defaultPath: '/etc/sysctl.conf',
  own: /^\/etc\/sysctl(?:\.d\/[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]{0,200})?\.conf$/,
  remedy: 'use /etc/sysctl.conf, /etc/sysctl.d/NAME.conf or /etc/NAME.conf',
}

export const kernelSysctlPersist: SettingModel = {
  name: NAME,
  waitsFor: 'node',
  targetsOf(entry) {
    for (const [key, { value, operation }] of Object.entries(entry.contents))
      if (keyFault(key) === undefined) checkContent(key, value, operation)
    return [targetOf(entry)]
  },
  plan(entry, read) {
    const target = targetOf(entry)
    let lines = parseSysctlFile(target.path, read(target.path) ?? '')
    const warnings: SettingWarning[] = []
    const watched: WatchedKey[] = []
    for (const [key, { value, operation }] of Object.entries(entry.contents)) {
      const text = keyFault(key) === undefined ? valueText(key, value) : undefined
      const step = planKey(lines, key, text, operation)
      lines = step.lines
      warnings.push(...step.reasons.map((reason) => ({ model: NAME, key, reason })))
      if (step.isDone) watched.push({ model: NAME, path: target.path, key })
    }
    const changes = [{ target, content: renderSysctlFile(lines) }]
    return { changes, warnings, watched } satisfies ModelPlan
  },
  observe: (text, { path, key }) => {
    const line = parseSysctlFile(path, text).find(
      (each) => each.kind === 'pair' && each.key === key,
    )
    return line?.kind === 'pair' ? line.value : undefined
  },
}

interface Step {
  readonly lines: SysctlLine[]
  /** The key is as the request wants it. */
  readonly isDone: boolean
  readonly reasons: readonly string[]
}

function planKey(
  lines: SysctlLine[],
  key: string,
  text: string | undefined,
  operation: string,
): Step {
  const fault =
    keyFault(key) ?? (text === undefined ? 'the value is a list or an object' : undefined)
  if (fault !== undefined || text === undefined) return skip(lines, fault ?? 'no value')
  const at = lines.findIndex((line) => line.kind === 'pair' && line.key === key)
  if (operation === 'delete') return planDelete(lines, at, text)
  if (text === '') return skip(lines, 'the value is empty')
  const pair: SysctlLine = { kind: 'pair', key, value: text }
  const reasons = operation === '' ? [] : ['the operation is unknown and taken as an update']
  return { lines: at < 0 ? [...lines, pair] : lines.with(at, pair), isDone: true, reasons }
}

function planDelete(lines: SysctlLine[], at: number, text: string): Step {
  const line = lines[at]
  if (line?.kind !== 'pair') return skip(lines, 'there is nothing to delete')
  if (line.value !== text) return skip(lines, 'the value differs, so it is not deleted')
  return { lines: lines.toSpliced(at, 1), isDone: true, reasons: [] }
}

function skip(lines: SysctlLine[], reason: string): Step {
  return { lines, isDone: false, reasons: [reason] }
}

/** Keys that the contract skips with a warning; others are refused by their grammar. */
function keyFault(key: string): string | undefined {
  if (key === '') return 'the key is empty'
  return key.includes('=') ? 'the key holds "="' : undefined
}

function checkContent(key: string, value: unknown, operation: string): void {
  const text = valueText(key, value)
  // What writes nothing is harmless: a denied key may be deleted.
  if (operation !== 'delete' && text !== undefined && text !== '') checkFileKey(key)
}

function targetOf(entry: ConfigureEntry): SettingTarget {
  const path = configFileOf(FILES, entry.config_path)
  return { path, kind: 'file', isAllowed: (real) => isConfigFile(FILES, real) }
}
