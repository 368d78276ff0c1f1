// Takes an image from a source as the engine does: reads all of it, compares the digest of the
// bytes unless the source has compared its own, closes.
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import { assertImageDigest } from '../../src/agent/backends/stage-raw.ts'
import type { ImageSource } from '../../src/agent/sources/image-source.ts'
import { sha256 } from './container-image.ts'

export interface TakeOptions {
  readonly sizeBytesMax?: number
  readonly signal?: AbortSignal
  readonly onBytes?: (count: number) => void
}

/** The bytes of an image. */
export async function takeImage(
  source: ImageSource,
  request: PrepareUpgradeParams,
  options: TakeOptions = {},
): Promise<{ bytes: Buffer; sizeBytes: number | undefined }> {
  const { sizeBytesMax = 64 * 1024 * 1024, signal = new AbortController().signal } = options
  const stream = await source.open(request, { sizeBytesMax }, signal)
  try {
    const parts: Uint8Array[] = []
    let count = 0
    for await (const part of stream.bytes) {
      parts.push(part.slice())
      count += part.length
      options.onBytes?.(count)
    }
    const bytes = Buffer.concat(parts)
    assertImageDigest(sha256(bytes), stream.isAuthentic ? undefined : request.check_sum)
    return { bytes, sizeBytes: stream.sizeBytes }
  } finally {
    await stream.close?.()
  }
}
