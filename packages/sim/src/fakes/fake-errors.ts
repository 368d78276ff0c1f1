// The errors of the fake API server, with the codes and reasons of the real client.
import type { KubeObject } from '@kubenest/api/core/objects'
import { OsError } from '@kubenest/base/errors'
import type { ObjectRef, Resource } from '@kubenest/kube/client/kube-client'
import type { FakeRequest } from './fake-rbac.ts'

export function conflict<T extends KubeObject>(
  resource: Resource<T>,
  ref: ObjectRef,
  reason: 'Conflict' | 'AlreadyExists',
  text: string,
): OsError {
  return new OsError('transient', {
    code: 'kube-conflict',
    message: `Cannot write ${resource.kind} ${ref.name}: ${text}`,
    fields: { status: 409, reason, name: ref.name },
  })
}

export function notFound<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef): OsError {
  return new OsError('invalid', {
    code: 'kube-not-found',
    message: `Cannot write ${resource.kind} ${ref.name}: it does not exist`,
    fields: { status: 404, reason: 'NotFound', name: ref.name },
  })
}

export function gone<T extends KubeObject>(verb: string, resource: Resource<T>): OsError {
  return new OsError('transient', {
    code: 'kube-gone',
    message: `Cannot ${verb} ${resource.plural}: the version was compacted`,
    fields: { status: 410, reason: 'Expired' },
  })
}

export function forbidden({ verb, resource, identity }: FakeRequest): OsError {
  return new OsError('blocked', {
    code: 'kube-forbidden',
    message: `Cannot ${verb} ${resource}: ${identity} may not`,
    fields: { status: 403, reason: 'Forbidden' },
  })
}

export function unavailable({ verb, resource }: FakeRequest, reason: string): OsError {
  return new OsError('transient', {
    code: 'kube-unavailable',
    message: `Cannot ${verb} ${resource}: ${reason}`,
  })
}
