// URLs of the Kubernetes API. Names come from users and from the network: each is escaped as one
// segment.
import type { KubeObject } from '@kubenest/api/core/objects'
import { OsError } from '@kubenest/base/errors'
import type { ObjectRef, Resource } from './kube-client.ts'

/** Path of a collection; without a namespace, of all namespaces. */
export function collectionPath<T extends KubeObject>(
  resource: Resource<T>,
  namespace?: string,
): string {
  const base =
    resource.group === ''
      ? `/api/${resource.version}`
      : `/apis/${resource.group}/${resource.version}`
  const scope =
    resource.namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : ''
  return `${base}${scope}/${resource.plural}`
}

/**
 * Path of one object.
 *
 * @throws {OsError} kind `bug`, when a namespaced kind is named without its namespace.
 */
export function objectPath<T extends KubeObject>(
  resource: Resource<T>,
  ref: ObjectRef,
  subresource?: string,
): string {
  if (resource.namespaced && (ref.namespace ?? '') === '')
    throw new OsError('bug', {
      code: 'assertion-failed',
      message: `Cannot name ${resource.kind} ${ref.name}: its namespace is missing`,
    })
  const tail = subresource === undefined ? '' : `/${subresource}`
  return `${collectionPath(resource, ref.namespace)}/${segment(ref.name)}${tail}`
}

/** Query string with `?`, or nothing; members that are `undefined` are left out. */
export function queryString(
  members: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(members))
    if (value !== undefined) query.set(name, String(value))
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}

/** `.` and `..` would be folded by URL parsing into another path, so they are refused. */
function segment(name: string): string {
  if (name !== '' && name !== '.' && name !== '..') return encodeURIComponent(name)
  throw new OsError('invalid', {
    code: 'kube-invalid',
    message: `Cannot name an object ${JSON.stringify(name)}: it is not a Kubernetes name`,
  })
}
