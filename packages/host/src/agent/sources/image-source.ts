// Port: where the bytes of an upgrade image come from. Adapters: disk.ts (http, https), docker.ts
// and containerd.ts (a file inside a container image). A source knows transports, engines and
// deadlines; it knows nothing of slots.
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'

/** A running download, or a file that an engine has brought here. */
export interface ImageStream {
  /** Size of the image as it comes, bytes, when it is known in advance. */
  readonly sizeBytes?: number
  /**
   * The bytes in order, each exactly once: a broken transport is resumed below, or ends the
   * iteration with an OsError. Chunks are at most 1 MiB and may be reused after the next one is
   * asked for.
   */
  readonly bytes: AsyncIterable<Uint8Array>
  /** Real path of a file of ours that holds the same bytes, and stays until `close`. */
  readonly file?: string
  /**
   * The documented `checksum` is not of these bytes but of the container image they are in, and the
   * source has compared it.
   */
  readonly isAuthentic?: boolean
  /** Removes what the source made for this image; may be called again. */
  close?(): Promise<void>
}

export interface ImageSource {
  /**
   * Everything that can be refused by looking (URL, image name, flagSafe, certificates) is refused
   * here, before a byte is asked for. When it throws, nothing is left to close.
   */
  open(
    request: PrepareUpgradeParams,
    limits: { readonly sizeBytesMax: number },
    signal: AbortSignal,
  ): Promise<ImageStream>
  /** Removes what a run left that was killed; called when no other run can be at work. */
  discard?(): Promise<void>
}
