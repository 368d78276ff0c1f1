// `kubectl os allow`: a person's leave to try the present image once more (decision 5). Pure.
import type { Os, OsInstance } from '@kubenest/api/os/os'
import { OS_ANNOTATIONS, OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import {
  type AttemptGrant,
  type EarlierRollout,
  type ImageIdentity,
  imageIdentity,
  parseRecord,
  type RolloutRecord,
  type Verdict,
} from '@kubenest/api/os/records'
import { OsError } from '@kubenest/base/errors'

/** Whom the leave is for, and what makes it different from the one before. */
export interface GrantRequest {
  /** Empty: every node. */
  readonly nodes: readonly string[]
  readonly token: string
  /** RFC 3339. */
  readonly at: string
}

/**
 * Makes the grant for the image that the object asks for now.
 *
 * @param fellBack - nodes whose OSInstance says that this image fell back there
 * @throws {OsError} kind `invalid`, code `nothing-to-allow`, when a named node has no failure.
 */
export function planGrant(
  os: Os,
  request: GrantRequest,
  fellBack: readonly string[] = [],
): AttemptGrant {
  const failed = [...new Set([...failuresOnRecord(os), ...fellBack])].sort()
  const stranger = request.nodes.find((node) => !failed.includes(node))
  if (failed.length === 0 || stranger !== undefined) {
    const what = stranger === undefined ? 'no node' : `--node ${stranger}, which has not`
    const remedy = failed.length === 0 ? 'nothing holds it back' : `failed are ${failed.join(', ')}`
    throw new OsError('invalid', {
      code: 'nothing-to-allow',
      message: `Cannot allow another trial: ${what} failed on this image; ${remedy}`,
    })
  }
  const { token, at } = request
  const image = wantedImage(os)
  return { token, image, at, ...(request.nodes.length > 0 ? { nodes: [...request.nodes] } : {}) }
}

/** Nodes that failed, also when the image was asked for before and has come back. */
function failuresOnRecord(os: Os): string[] {
  const record = parseRecord<RolloutRecord>(os.metadata.annotations?.[OS_ANNOTATIONS.rollout])
  if (record === undefined) return []
  return [record, ...(record.earlier ?? [])]
    .filter((each) => isOfThisWish(os, each))
    .flatMap(({ failures }) => failures.map(({ node }) => node))
}

/** Settings are known by their version, images by digest and version (decision 5). */
function isOfThisWish(os: Os, { image, operation, settings }: EarlierRollout): boolean {
  const wanted = wantedImage(os)
  if (os.spec?.opstype === 'config')
    return operation === 'config' && settings === (os.spec.sysconfigs?.version ?? '')
  return operation !== 'config' && isSameImage(image, wanted)
}

/** True when the node's last word is that this image fell back on it. */
export function isFallbackOf(os: Os, instance: OsInstance): boolean {
  const verdict = parseRecord<Verdict>(
    instance.metadata.annotations?.[OS_INSTANCE_ANNOTATIONS.verdict],
  )
  return (
    verdict?.outcome === 'FellBack' &&
    os.spec?.opstype !== 'config' &&
    isSameImage(verdict.image, wantedImage(os))
  )
}

function wantedImage(os: Os): ImageIdentity {
  return imageIdentity(os.spec?.checksum, os.spec?.osversion ?? '')
}

function isSameImage(a: ImageIdentity | undefined, b: ImageIdentity): boolean {
  return a?.digest === b.digest && a.version === b.version
}
