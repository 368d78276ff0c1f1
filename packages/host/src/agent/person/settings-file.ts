// The file of `os-agent plan`: an OS object as one applies it, its sysconfigs or upgradeconfigs
// alone, or the parameter of `configure`. YAML or JSON. Pure.
import type { ConfigureEntry, ConfigureParams } from '@kubenest/api/agent/rpc'
import { OsError } from '@kubenest/base/errors'
import { parseDocument } from 'yaml'

const TEXT_LENGTH_MAX = 1024 * 1024

/** Parses the text; throws code `config-settings-file` naming what is wrong. */
export function parseSettingsFile(text: string): ConfigureParams {
  if (text.length > TEXT_LENGTH_MAX) throw broken('it is longer than 1 MiB')
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem !== undefined) throw broken(problem.message.split('\n')[0] ?? '')
  const root = membersOf(valueOf(document), 'the file')
  const spec = root.has('spec') ? membersOf(root.get('spec'), 'spec') : root
  const isUpgrade = spec.get('opstype') === 'upgrade'
  const chosen = (isUpgrade ? spec.get('upgradeconfigs') : undefined) ?? spec.get('sysconfigs')
  const holder = chosen === undefined ? spec : membersOf(chosen, 'sysconfigs')
  const configs = holder.get('configs')
  if (!Array.isArray(configs))
    throw broken('it has no list "configs"; give an OS object, or what stands below its sysconfigs')
  return { configs: configs.map((each, index) => parseEntry(each, `configs[${index}]`)) }
}

function valueOf(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 })
  } catch (cause) {
    throw broken(cause instanceof Error ? cause.message : String(cause))
  }
}

function parseEntry(value: unknown, name: string): ConfigureEntry {
  const entry = membersOf(value, name)
  const path = entry.get('configpath') ?? entry.get('config_path') ?? ''
  const model = entry.get('model')
  if (typeof model !== 'string') throw broken(`${name}.model must be a string`)
  if (typeof path !== 'string') throw broken(`${name}.configpath must be a string`)
  const contents = entry.get('contents') ?? []
  const rows = Array.isArray(contents)
    ? contents.map((each, index) => parseContent(each, `${name}.contents[${index}]`))
    : [...membersOf(contents, `${name}.contents`)].map(([key, each]) => [key, each] as const)
  return {
    model,
    config_path: path,
    contents: Object.fromEntries(
      rows.map(([key, each]) => [key, contentOf(each, `${name} ${key}`)]),
    ),
  }
}

/**
 * As in the OS object: a list of key, value, operation (contract 3.6 says what absent ones mean).
 */
function parseContent(value: unknown, name: string): readonly [string, unknown] {
  const key = membersOf(value, name).get('key') ?? ''
  if (typeof key !== 'string') throw broken(`${name}.key must be a string`)
  return [key, value]
}

function contentOf(value: unknown, name: string): { value: unknown; operation: string } {
  const content = membersOf(value, name)
  const operation = content.get('operation') ?? ''
  if (typeof operation !== 'string') throw broken(`the operation of ${name} must be a string`)
  return { value: content.get('value') ?? null, operation }
}

function membersOf(value: unknown, name: string): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw broken(`${name} must be an object`)
  return new Map(Object.entries(value))
}

function broken(reason: string): OsError {
  return new OsError('invalid', {
    code: 'config-settings-file',
    message: `Cannot read the settings file: ${reason}`,
  })
}
