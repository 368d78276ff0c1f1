// `kubectl os allow`: a person's leave to try the present image once more (decision 5). Pure.
import type { Os } from '@kubenest/api/os/os'
import { OS_ANNOTATIONS } from '@kubenest/api/os/names'
import {
  type AttemptGrant,
  imageIdentity,
  parseRecord,
  type RolloutRecord,
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
 * @throws {OsError} kind `invalid`, code `nothing-to-allow`, when a named node has no failure.
 */
export function planGrant(os: Os, request: GrantRequest): AttemptGrant {
  const record = parseRecord<RolloutRecord>(os.metadata.annotations?.[OS_ANNOTATIONS.rollout])
  const failed = [...new Set((record?.failures ?? []).map((failure) => failure.node))].sort()
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
  const image = imageIdentity(os.spec?.checksum, os.spec?.osversion ?? '')
  return { token, image, at, ...(request.nodes.length > 0 ? { nodes: [...request.nodes] } : {}) }
}
