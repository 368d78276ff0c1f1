// Digests of container images: the documented `checksum`, and what the engines' commands print.
// Pure. Anything that is not exactly a digest is refused: a wrong word must never compare equal.
import { OsError } from '@kubenest/base/errors'

/** The hex digits of `check_sum`, with or without `sha256:` before them. */
export function parseChecksum(text: string): string {
  const hex = /^(?:sha256:)?([0-9a-f]{64})$/.exec(text.trim().toLowerCase())?.[1]
  if (hex !== undefined) return hex
  throw new OsError('invalid', {
    code: 'checksum-malformed',
    message: `Cannot use the image: checksum is ${JSON.stringify(text.slice(0, 100))}; set it to the SHA-256 of the file, or the digest of the container image, 64 hexadecimal digits`,
  })
}

/**
 * Digests in what `{{.RepoDigests}}` and `{{.status.repoDigests}}` print: `[name@sha256:hex …]`.
 * Each of them names this very content, so any may be the one that is asked for.
 */
export function digestsOfList(output: string): readonly string[] {
  const words = output.trim().replace(/^\[/, '').replace(/\]$/, '').split(/\s+/)
  return words.map((word) => {
    const hex = /^[^@\s]+@sha256:([0-9a-f]+)$/i.exec(word)?.[1]
    if (hex === undefined) throw unreadable(output)
    return hex.toLowerCase()
  })
}

/** Digest in the row of an image in what `ctr images ls` prints: its third column. */
export function digestOfTable(output: string, image: string): readonly string[] {
  const rows = output.split('\n').map((line) => line.trim().split(/\s+/))
  const digest = rows.find(([name]) => name === image)?.[2] ?? ''
  const hex = /^sha256:([0-9a-f]+)$/i.exec(digest)?.[1]
  if (hex === undefined) throw unreadable(output)
  return [hex.toLowerCase()]
}

/** Refuses an image that is not the one that was promised. */
export function assertPromised(image: string, found: readonly string[], expected: string): void {
  if (found.includes(expected)) return
  const digest = found.join(', ')
  throw new OsError('integrity', {
    code: 'image-digest-mismatch',
    message: `Cannot use the image: the digest of ${image} is ${digest} and checksum is ${expected}; correct checksum, or name the image by @sha256:${expected}`,
    fields: { found: digest, expected },
  })
}

function unreadable(output: string): OsError {
  return new OsError('integrity', {
    code: 'image-digest-unreadable',
    message: `Cannot use the image: the engine tells no digest of it but ${JSON.stringify(output.trim().slice(0, 200))}; push it to a registry and pull it from there`,
  })
}
