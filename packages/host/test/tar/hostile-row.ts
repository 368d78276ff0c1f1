// A row of the table of hostile archives (S-13), and what most rows are made of.
import { archive, member } from './tar-blocks.ts'

export interface HostileArchive {
  readonly what: string
  readonly bytes: Uint8Array
  readonly code:
    'image-member-refused' | 'image-damaged' | 'image-too-large' | 'image-format-unknown'
  /** In the sentence: the member's name, or the reason. */
  readonly says: string
}

export const REFUSED = 'image-member-refused'
export const DAMAGED = 'image-damaged'
export const folder = (name: string) => member({ name: `${name}/`, flag: '5' })
export const symlink = (name: string, linkname: string) => member({ name, flag: '2', linkname })
export function row(
  what: string,
  code: HostileArchive['code'],
  says: string,
  ...parts: readonly Uint8Array[]
): HostileArchive {
  return { what, bytes: archive(...parts), code, says }
}
