// Port: where the bytes of an upgrade image come from. Adapters: disk.ts (http, https); docker and
// containerd come later. A source knows transports and deadlines; it knows nothing of slots.
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'

/** A running download. */
export interface ImageStream {
  /** Size on the wire, bytes, when the server tells it. */
  readonly sizeBytes?: number
  /**
   * The bytes on the wire in order, each exactly once: a broken transport is resumed below, or ends
   * the iteration with an OsError. Chunks are at most 1 MiB and may be reused after the next one is
   * asked for.
   */
  readonly bytes: AsyncIterable<Uint8Array>
}

export interface ImageSource {
  /**
   * Everything that can be refused by looking (URL, flagSafe, certificates) is refused here, before
   * a byte is asked for.
   */
  open(
    request: PrepareUpgradeParams,
    limits: { readonly sizeBytesMax: number },
    signal: AbortSignal,
  ): Promise<ImageStream>
}
