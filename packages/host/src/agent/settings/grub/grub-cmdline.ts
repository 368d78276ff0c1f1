// Models `grub.cmdline.current` and `grub.cmdline.next`: kernel words of the entry that runs, or of
// the other one (contract 5.4). In force from that slot's next boot.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { OsError } from '@kubenest/base/errors'
import { otherSlot, type SlotName } from '../../update/journal-state.ts'
import type {
  BootFacts,
  ModelPlan,
  SettingChange,
  SettingModel,
  SettingsFacts,
  SettingTarget,
  SettingWarning,
  WatchedKey,
} from '../setting-model.ts'
import { refusal, shown, valueText } from '../setting-values.ts'
import { editWords } from './edit-words.ts'
import { checkDeletion, checkKernelWord } from './kernel-word.ts'
import { kernelLinesOf, replaceWords, type KernelLine } from './menu-file.ts'

export const grubCmdlineCurrent = grubModel('grub.cmdline.current', (booted) => booted)
export const grubCmdlineNext = grubModel('grub.cmdline.next', otherSlot)

function grubModel(name: string, slotFor: (booted: SlotName) => SlotName): SettingModel {
  return {
    name,
    needsBoot: true,
    waitsFor: 'node',
    targetsOf(entry, facts) {
      const boot = bootOf(facts)
      if (boot === 'verity') return []
      intentsOf(entry, boot, slotFor(boot.booted))
      return boot.menus.map(targetOf)
    },
    plan(entry, read, facts) {
      const boot = bootOf(facts)
      if (boot === 'verity') return skipAll(name, entry)
      const slot = slotFor(boot.booted)
      const intents = intentsOf(entry, boot, slot)
      const plans = boot.menus.map((path) => planMenu(name, path, read(path), slot, intents))
      // The menu that boots is the first one; others follow it and are not told twice.
      return {
        changes: plans.flatMap((plan) => plan.changes),
        warnings: plans[0]?.warnings ?? [],
        watched: plans[0]?.watched ?? [],
      }
    },
    observe(text, { key, slot }) {
      const line = kernelLinesOf(text.split('\n')).find((each) => each.slot === slot)
      return line?.words.find((word) => word === key || word.startsWith(`${key}=`))
    },
  }
}

/** One content of the request, judged; `fault` is why it is left out. */
interface Intent {
  readonly key: string
  readonly value: string
  readonly operation: string
  readonly fault?: string
}

function intentsOf(entry: ConfigureEntry, boot: BootFacts, slot: SlotName): Intent[] {
  return Object.entries(entry.contents).map(([key, { value, operation }]) => {
    const text = valueText(key, value)
    const fault = keyFault(key, text)
    if (fault !== undefined || text === undefined)
      return { key, value: '', operation, fault: fault ?? 'no value' }
    if (operation === 'delete') {
      checkDeletion(key)
      return { key, value: text, operation }
    }
    checkKernelWord(key, text)
    return { key, value: key === 'root' ? rootValue(text, boot, slot) : text, operation }
  })
}

function keyFault(key: string, text: string | undefined): string | undefined {
  if (key === '') return 'the key is empty'
  if (key.includes('=')) return 'the key holds "="'
  return text === undefined ? 'the value is a list or an object' : undefined
}

/** Only the entry's own slot, and by what stays when the slot is written anew (decision 25). */
function rootValue(text: string, boot: BootFacts, slot: SlotName): string {
  if (text === '') return ''
  if (boot.slotOfRoot.get(text) !== slot)
    throw refusal(
      'kernel-root-elsewhere',
      `root=${text} is not slot ${slot}, whose entry this is; leave root out, or name that slot`,
    )
  const partuuid = slot === 'A' ? boot.partuuids?.a : boot.partuuids?.b
  if (partuuid === undefined)
    throw refusal('kernel-root-elsewhere', `slot ${slot} has no PARTUUID to store; leave root out`)
  return `PARTUUID=${partuuid}`
}

function planMenu(
  model: string,
  path: string,
  text: string | undefined,
  slot: SlotName,
  intents: readonly Intent[],
): ModelPlan {
  if (text === undefined) throw menuFault(path, 'it does not exist')
  const lines = text.split('\n')
  const found = kernelLinesOf(lines)
  const own = found.filter((line) => line.slot === slot)
  if (own.length === 0) throw menuFault(path, `it has no entry for slot ${slot}`)
  const warnings: SettingWarning[] = []
  const watched: WatchedKey[] = []
  const changed = own.map((line, index) => {
    let { words } = line
    for (const { key, value, operation, fault } of intents) {
      const edit =
        fault === undefined
          ? editWords(words, key, value, operation)
          : ({ isDone: false, reason: fault } as const)
      if (edit.isDone) words = edit.words
      if (index > 0) continue
      if (edit.isDone) watched.push({ model, path, key, slot })
      const reason = edit.isDone ? operationFault(operation) : edit.reason
      if (reason !== undefined) warnings.push({ model, key, reason })
    }
    return { ...line, words }
  })
  return { changes: changeOf(path, lines, own, changed), warnings, watched }
}

function changeOf(
  path: string,
  lines: readonly string[],
  before: readonly KernelLine[],
  after: readonly KernelLine[],
): SettingChange[] {
  const changed = after.filter(
    (line, index) => line.words.join(' ') !== before[index]?.words.join(' '),
  )
  if (changed.length === 0) return []
  const content = replaceWords(lines, changed)
  assertOnly(path, lines, changed, content)
  return [{ target: targetOf(path), content }]
}

/**
 * The new text is read again: the changed lines say what was meant, and all others are as before.
 */
function assertOnly(
  path: string,
  lines: readonly string[],
  changed: readonly KernelLine[],
  content: string,
): void {
  const expected = kernelLinesOf(lines).map(
    (line) => (changed.find((each) => each.at === line.at) ?? line).words,
  )
  const found = kernelLinesOf(content.split('\n')).map((line) => line.words)
  if (JSON.stringify(expected) === JSON.stringify(found)) return
  throw new OsError('bug', {
    code: 'setting-edit-failed',
    message: `Cannot edit ${path}: the result would not mean what was asked for`,
  })
}

function operationFault(operation: string): string | undefined {
  return operation === '' || operation === 'delete'
    ? undefined
    : 'the operation is unknown and taken as an update'
}

function skipAll(model: string, entry: ConfigureEntry): ModelPlan {
  const reason = 'a verified boot partition cannot be changed'
  const warnings = Object.keys(entry.contents).map((key) => ({ model, key, reason }))
  return { changes: [], warnings, watched: [] }
}

function targetOf(path: string): SettingTarget {
  return { path, kind: 'boot-file', isAllowed: (real) => real === path }
}

function bootOf(facts: SettingsFacts): BootFacts | 'verity' {
  if (facts.boot !== undefined) return facts.boot
  throw new OsError('bug', {
    code: 'boot-facts-missing',
    message: `Cannot plan ${shown('grub.cmdline')}: the node's boot menus were not looked at`,
  })
}

function menuFault(path: string, reason: string): OsError {
  return new OsError('host', {
    code: 'boot-menu-unusable',
    message: `Cannot apply the settings: ${path} is the boot menu, and ${reason}; see that the boot partition is mounted and complete`,
  })
}
