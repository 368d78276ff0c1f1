// Model `kernel.sysctl`: values of the running kernel (contract 5.2). Not kept over a reboot.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import type {
  ModelPlan,
  SettingChange,
  SettingModel,
  SettingTarget,
  SettingWarning,
  WatchedKey,
} from './setting-model.ts'
import { valueText } from './setting-values.ts'
import { sysctlPathOf } from './sysctl-key.ts'

const NAME = 'kernel.sysctl'

export const kernelSysctl: SettingModel = {
  name: NAME,
  targetsOf: (entry) => planEntry(entry).changes.map((change) => change.target),
  plan: planEntry,
  // One value has several spellings of its key, and only one path.
  partsOf: () => [],
  // Values are parted by any white space: the kernel writes tabs where people write blanks.
  observe: (text) => text.trim().split(/\s+/).join(' '),
}

function planEntry(entry: ConfigureEntry): ModelPlan {
  const changes: SettingChange[] = []
  const warnings: SettingWarning[] = []
  const watched: WatchedKey[] = []
  for (const [key, { value, operation }] of Object.entries(entry.contents)) {
    const text = operation === '' ? valueText(key, value) : undefined
    const reason = skipReason(operation, text)
    if (reason !== undefined || text === undefined) {
      warnings.push({ model: NAME, key, reason: reason ?? 'has no value' })
      continue
    }
    const target: SettingTarget = { path: `/proc/sys/${sysctlPathOf(key)}`, kind: 'kernel-value' }
    changes.push({ target, content: `${text}\n` })
    watched.push({ model: NAME, path: target.path, key })
  }
  return { changes, warnings, watched }
}

function skipReason(operation: string, text: string | undefined): string | undefined {
  if (operation === 'delete') return 'a running kernel has nothing to delete'
  if (operation !== '') return 'the operation is unknown'
  if (text === undefined) return 'the value is a list or an object'
  return text === '' ? 'the value is empty' : undefined
}
