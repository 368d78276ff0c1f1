// SHA-256 of bytes that come in pieces.

/** A running digest. */
export interface Sha256 {
  readonly update: (bytes: Uint8Array) => void
  /** Lower-case hex; ends the digest. */
  digest(): string
}

/** Starts a digest. */
export function createSha256(): Sha256 {
  const hasher = new Bun.CryptoHasher('sha256')
  return {
    update: (bytes) => {
      hasher.update(bytes)
    },
    digest: () => hasher.digest('hex'),
  }
}

/** Lower-case hex digest of a text. */
export function sha256Hex(text: string): string {
  return new Bun.CryptoHasher('sha256').update(text).digest('hex')
}

/** Digest of bytes that are all here. */
export function sha256Bytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(new Bun.CryptoHasher('sha256').update(bytes).digest())
}
