// The three kinds of patch, as far as the product uses them. Pure: the given objects are not
// changed.
import type { JsonPatchOperation, Patch } from '@kubenest/kube/client/kube-client'
import { OsError } from '@kubenest/base/errors'
import { cloneJson } from './clone-json.ts'

type Json = Record<string, unknown>

/** Lists that a strategic patch merges by a key; all others are replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = { conditions: 'type', taints: 'key' }

/** The patched object. @throws OsError `kube-invalid` as the API server does */
export function applyPatch(object: object, patch: Patch): object {
  switch (patch.type) {
    case 'merge':
      return mergeInto(object, patch.body, false) as object
    case 'strategic':
      return mergeInto(object, patch.body, true) as object
    case 'json':
      return patch.body.reduce<object>(applyOperation, cloneJson(object))
  }
}

function mergeInto(target: unknown, patch: unknown, isStrategic: boolean): unknown {
  if (!isMap(patch)) return cloneJson(patch)
  const result: Record<string, unknown> = isMap(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    const key = isStrategic ? MERGE_KEYS[name] : undefined
    if (value === null) delete result[name]
    else if (key !== undefined && Array.isArray(value))
      result[name] = mergeList(result[name], value, key)
    else result[name] = mergeInto(result[name], value, isStrategic)
  }
  return result
}

function mergeList(target: unknown, patch: readonly unknown[], key: string): unknown[] {
  const result: unknown[] = Array.isArray(target) ? [...(target as unknown[])] : []
  for (const entry of patch) {
    if (!isMap(entry)) continue
    const at = result.findIndex((old) => isMap(old) && old[key] === entry[key])
    if (entry['$patch'] === 'delete') {
      if (at >= 0) result.splice(at, 1)
    } else if (at < 0) result.push(cloneJson(entry))
    else result[at] = mergeInto(result[at], entry, true)
  }
  return result
}

function applyOperation(object: object, operation: JsonPatchOperation): object {
  const path = operation.path.split('/').slice(1).map(unescape)
  const last = path.pop()
  if (last === undefined) throw rejected(`the path ${operation.path} names no member`)
  let parent: unknown = object
  for (const step of path)
    parent = isMap(parent) || Array.isArray(parent) ? member(parent, step) : undefined
  if (Array.isArray(parent)) applyToList(parent, last, operation)
  else if (isMap(parent)) applyToMap(parent, last, operation)
  else throw rejected(`nothing is at ${operation.path}`)
  return object
}

function applyToMap(
  parent: Record<string, unknown>,
  name: string,
  { op, path, value }: JsonPatchOperation,
): void {
  const isThere = parent[name] !== undefined
  if (op === 'test') {
    if (!isEqual(parent[name] ?? null, value ?? null)) throw rejected(`the test of ${path} failed`)
  } else if (op === 'add') parent[name] = cloneJson(value)
  else if (!isThere) throw rejected(`nothing is at ${path}`)
  else if (op === 'remove') delete parent[name]
  else parent[name] = cloneJson(value)
}

function applyToList(parent: unknown[], name: string, operation: JsonPatchOperation): void {
  const at = name === '-' ? parent.length : Number(name)
  if (operation.op === 'test') {
    if (!isEqual(parent[at] ?? null, operation.value ?? null))
      throw rejected(`the test of ${operation.path} failed`)
  } else if (operation.op === 'add') parent.splice(at, 0, cloneJson(operation.value))
  else if (at >= parent.length) throw rejected(`nothing is at ${operation.path}`)
  else if (operation.op === 'remove') parent.splice(at, 1)
  else parent[at] = cloneJson(operation.value)
}

/** Deep equality of JSON values; the order of members does not count. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((entry, at) => isEqual(entry, b[at]))
  if (!isMap(a) || !isMap(b)) return a === b
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...names].every((name) => isEqual(a[name], b[name]))
}

function member(parent: Json | unknown[], step: string): unknown {
  return Array.isArray(parent) ? parent[Number(step)] : parent[step]
}

function unescape(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}

function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function rejected(reason: string): OsError {
  return new OsError('invalid', {
    code: 'kube-invalid',
    message: `Cannot apply the patch: ${reason}`,
  })
}
