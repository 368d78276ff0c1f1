// The newest known state of this node's own objects: from watches and from the answers to our
// writes, so that a decision never rests on a cache that is older than what we wrote.
import type { KubeObject, Node } from '@kubenest/api/core/objects'
import type { OsInstance } from '@kubenest/api/os/os'

/** One object that may exist. */
export interface Newest<T extends KubeObject> {
  get(): T | undefined
  /**
   * Takes a version unless an equal or newer one of the same object is known; says whether it was
   * taken.
   */
  offer(object: T): boolean
  /** A read that did not go through a cache: always right. */
  set(object: T | undefined): void
  /** The watch saw it go; an object of another UID that came since stays. */
  remove(object: T): void
}

/** What the proxy knows of its own objects. */
export interface View {
  readonly node: Newest<Node>
  readonly instance: Newest<OsInstance>
}

export function createView(): View {
  return { node: createNewest<Node>(), instance: createNewest<OsInstance>() }
}

function createNewest<T extends KubeObject>(): Newest<T> {
  let known: T | undefined
  return {
    get: () => known,
    offer(object) {
      if (known !== undefined && isNotNewer(object, known)) return false
      known = object
      return true
    },
    set(object) {
      known = object
    },
    remove(object) {
      if (known?.metadata.uid === object.metadata.uid) known = undefined
    },
  }
}

/**
 * Resource versions of one API server grow; versions that are no numbers are taken as they come.
 */
function isNotNewer(object: KubeObject, known: KubeObject): boolean {
  if (object.metadata.uid !== known.metadata.uid) return false
  const version = Number(object.metadata.resourceVersion)
  return version <= Number(known.metadata.resourceVersion)
}
