// Models whose files have types and levels (contract 5.5, 5.6): YAML and TOML differ in how a file
// is edited and in which values it takes, not in what keys and operations mean.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import type { RestartTarget } from '@kubenest/api/agent/settings'
import { configFileOf, isConfigFile, type ConfigFileRules } from './config-file.ts'
import { splitKeyPath } from './key-path.ts'
import type { SettingModel, SettingTarget, SettingWarning, WatchedKey } from './setting-model.ts'
import { checkStructuredValue } from './structured-value.ts'

/** What became of one key. */
export type EditOutcome =
  'done' | 'nothing-to-delete' | 'not-a-list' | 'not-a-table' | 'value-not-usable'

/** A file that is being edited. */
export interface StructuredFile {
  /** Sets a key, or appends to a list when both are lists. */
  set(path: readonly string[], value: unknown): EditOutcome
  remove(path: readonly string[]): EditOutcome
  /** Comparable text of a key's value; `undefined` when there is no such key. */
  observe(path: readonly string[]): string | undefined
  /** The text as it is now; the very text that was opened when nothing was edited. */
  render(): string
}

/** What one kind of file is. */
export interface StructuredModelOptions {
  readonly files: ConfigFileRules
  readonly waitsFor: RestartTarget
  readonly open: (path: string, text: string) => StructuredFile
  /** Throws for a value that may not be set. */
  readonly checkSet: (key: string, path: readonly string[], value: unknown) => void
}

const REASONS: Readonly<Record<Exclude<EditOutcome, 'done'>, string>> = {
  'nothing-to-delete': 'there is nothing to delete',
  'not-a-list': 'the key holds a list; delete it first to set something else',
  'not-a-table': 'a part on the way is not a table',
  'value-not-usable': 'the file cannot hold this value here',
}

/** Makes the model. */
export function structuredModel(options: StructuredModelOptions): SettingModel {
  const { files, open } = options
  const name = files.model

  function targetOf(entry: ConfigureEntry): SettingTarget {
    const path = configFileOf(files, entry.config_path)
    return { path, kind: 'file', isAllowed: (real) => isConfigFile(files, real) }
  }

  return {
    name,
    waitsFor: options.waitsFor,
    targetsOf(entry) {
      for (const [key, { value, operation }] of Object.entries(entry.contents)) {
        checkStructuredValue(key, value)
        const path = splitKeyPath(key)
        // What is only deleted does no harm.
        if (operation !== 'delete') options.checkSet(key, path, value)
      }
      return [targetOf(entry)]
    },
    plan(entry, read) {
      const target = targetOf(entry)
      const file = open(target.path, read(target.path) ?? '')
      const warnings: SettingWarning[] = []
      const watched: WatchedKey[] = []
      for (const [key, { value, operation }] of Object.entries(entry.contents)) {
        const { isDone, reasons } = edit(file, key, value, operation)
        warnings.push(...reasons.map((reason) => ({ model: name, key, reason })))
        if (isDone) watched.push({ model: name, path: target.path, key })
      }
      return { changes: [{ target, content: file.render() }], warnings, watched }
    },
    partsOf: splitKeyPath,
    observe: (text, { path, key }) => open(path, text).observe(splitKeyPath(key)),
  }
}

function edit(
  file: StructuredFile,
  key: string,
  value: unknown,
  operation: string,
): { readonly isDone: boolean; readonly reasons: readonly string[] } {
  const path = splitKeyPath(key)
  if (path.length === 0) return { isDone: false, reasons: ['the key is empty'] }
  const outcome = operation === 'delete' ? file.remove(path) : file.set(path, value)
  if (outcome !== 'done') return { isDone: false, reasons: [REASONS[outcome]] }
  const isKnown = operation === '' || operation === 'delete'
  return {
    isDone: true,
    reasons: isKnown ? [] : ['the operation is unknown and taken as an update'],
  }
}
