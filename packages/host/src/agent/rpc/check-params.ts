// Parameters of each method: presence and type of the documented members (contract 4.3). Unknown
// members are ignored, missing ones refused by name. Values are copied, so nothing foreign goes
// further.
import type {
  ConfigureEntry,
  ConfigureParams,
  HealthPolicy,
  OperationExtras,
  PrepareUpgradeParams,
  ReportParams,
} from '@kubenest/api/agent/rpc'
import type { UndoSettingsParams } from '@kubenest/api/agent/settings'
import { invalidParams } from './rpc-errors.ts'

type Members = ReadonlyMap<string, unknown>

/** Of `prepare_upgrade`: exactly one object. */
export function checkPrepareParams(params: unknown): PrepareUpgradeParams {
  const members = onlyObject(params)
  const certs = objectOf(members, 'certs')
  return {
    version: textOf(members, 'version'),
    check_sum: textOf(members, 'check_sum'),
    image_type: textOf(members, 'image_type'),
    container_image: textOf(members, 'container_image'),
    image_url: textOf(members, 'image_url'),
    flag_safe: flagOf(members, 'flag_safe'),
    mtls: flagOf(members, 'mtls'),
    certs: {
      ca_cert: textOf(certs, 'ca_cert', 'certs.'),
      client_cert: textOf(certs, 'client_cert', 'certs.'),
      client_key: textOf(certs, 'client_key', 'certs.'),
    },
    ...extrasOf(members),
  }
}

/** Of `upgrade` and `rollback`: nothing, or our proxy's one object of extras. */
export function checkExtras(params: unknown): OperationExtras {
  const list = listOf(params)
  if (list.length === 0) return {}
  return extrasOf(onlyObject(list))
}

/** Of `configure` and `plan`: exactly one object. */
export function checkConfigureParams(params: unknown): ConfigureParams {
  const members = onlyObject(params)
  const configs = members.get('configs')
  if (!Array.isArray(configs)) throw invalidParams('member "configs" must be an array')
  return {
    configs: configs.map((config, index) => checkEntry(config, `configs[${index}].`)),
    ...optional('operation_id', optionalId(members, 'operation_id')),
    ...(members.has('restart') ? { restart: flagOf(members, 'restart') } : {}),
  }
}

/** Of `undo`: nothing, or one object. */
export function checkUndoParams(params: unknown): UndoSettingsParams {
  const list = listOf(params)
  if (list.length === 0) return {}
  const members = onlyObject(list)
  return members.has('restart') ? { restart: flagOf(members, 'restart') } : {}
}

/** Of `report`: exactly one object. */
export function checkReport(params: unknown): ReportParams {
  const members = onlyObject(params)
  return {
    ready: flagOf(members, 'ready'),
    ...optional('reason', optionalText(members, 'reason')),
    ...optional('message', optionalText(members, 'message')),
  }
}

/** Of methods without parameters. */
export function checkNoParams(params: unknown): void {
  if (listOf(params).length > 0) throw invalidParams('this method takes none')
}

function checkEntry(value: unknown, path: string): ConfigureEntry {
  const entry = membersOf(value, path.slice(0, -1))
  const contents = objectOf(entry, 'contents', path)
  const checked = [...contents].map(([key, content]) => {
    const name = `${path}contents[${JSON.stringify(key.slice(0, 100))}]`
    const members = membersOf(content, name)
    if (!members.has('value')) throw invalidParams(`member "${name}.value" is missing`)
    const operation = textOf(members, 'operation', `${name}.`)
    return [key, { value: members.get('value'), operation }] as const
  })
  return {
    model: textOf(entry, 'model', path),
    config_path: textOf(entry, 'config_path', path),
    // fromEntries makes own properties, also of a key named __proto__.
    contents: Object.fromEntries(checked),
  }
}

function extrasOf(members: Members): OperationExtras {
  const health = members.get('health')
  return {
    ...optional('operation_id', optionalId(members, 'operation_id')),
    ...optional('attempt', optionalId(members, 'attempt')),
    ...(health === undefined || health === null ? {} : { health: healthOf(health) }),
  }
}

function healthOf(value: unknown): HealthPolicy {
  const members = membersOf(value, 'health')
  const policy = members.get('policy')
  const deadlineSeconds = members.get('deadlineSeconds')
  if (policy !== 'Strict' && policy !== 'Local')
    throw invalidParams('member "health.policy" must be "Strict" or "Local"')
  if (typeof deadlineSeconds !== 'number' || !Number.isInteger(deadlineSeconds))
    throw invalidParams('member "health.deadlineSeconds" must be a whole number')
  return { policy, deadlineSeconds }
}

function listOf(params: unknown): readonly unknown[] {
  if (params === undefined) return []
  if (!Array.isArray(params))
    throw invalidParams('they are positional, so "params" must be an array')
  return params
}

function onlyObject(params: unknown): Members {
  const list = listOf(params)
  if (list.length !== 1) throw invalidParams(`exactly one object is expected, not ${list.length}`)
  return membersOf(list[0], 'params[0]')
}

function membersOf(value: unknown, name: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidParams(`"${name}" must be an object`)
  return new Map(Object.entries(value))
}

function objectOf(members: Members, name: string, path = ''): Members {
  return membersOf(required(members, name, path), `${path}${name}`)
}

function textOf(members: Members, name: string, path = ''): string {
  const value = required(members, name, path)
  if (typeof value !== 'string') throw invalidParams(`member "${path}${name}" must be a string`)
  return value
}

function flagOf(members: Members, name: string): boolean {
  const value = required(members, name, '')
  if (typeof value !== 'boolean') throw invalidParams(`member "${name}" must be true or false`)
  return value
}

function optionalText(members: Members, name: string): string | undefined {
  const value = members.get(name)
  return value === undefined || value === null ? undefined : textOf(members, name)
}

/** Kept in one block of grubenv beside other words, and shown to people. */
function optionalId(members: Members, name: string): string | undefined {
  const id = optionalText(members, name)
  if (id === undefined || /^[!-~]{1,128}$/.test(id)) return id
  throw invalidParams(`member "${name}" must be 1 to 128 ASCII characters without blanks`)
}

function required(members: Members, name: string, path: string): unknown {
  if (!members.has(name)) throw invalidParams(`member "${path}${name}" is missing`)
  return members.get(name)
}

function optional<Name extends string>(name: Name, value: string | undefined) {
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: string }
}
