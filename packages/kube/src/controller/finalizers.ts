// Finalizers of an object, as pure changes of its metadata. Our own products set none (decision 9);
// this serves tools that must let foreign ones go.
import type { ObjectMeta } from '@kubenest/api/core/objects'

/** Metadata that holds the finalizer; the same object when it already did. */
export function addFinalizer(metadata: ObjectMeta, finalizer: string): ObjectMeta {
  const finalizers = metadata.finalizers ?? []
  if (finalizers.includes(finalizer)) return metadata
  return { ...metadata, finalizers: [...finalizers, finalizer] }
}

/** Metadata without the finalizer; the same object when it held none. */
export function removeFinalizer(metadata: ObjectMeta, finalizer: string): ObjectMeta {
  if (metadata.finalizers?.includes(finalizer) !== true) return metadata
  return { ...metadata, finalizers: metadata.finalizers.filter((entry) => entry !== finalizer) }
}
