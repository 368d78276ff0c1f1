// What the bytes of an image are, by their first bytes, and raw bytes out of compressed ones. The
// digest of the wire is taken here, over every byte, before anything interprets it.
import { OsError } from '@kubenest/base/errors'
import type { Sha256 } from '../../linux/sha256.ts'
import { isExt4, SUPERBLOCK_BYTES, SUPERBLOCK_START } from './ext4-superblock.ts'

export type PayloadKind = 'ext4' | 'zstd' | 'tar' | 'unknown'

const PEEK_BYTES = SUPERBLOCK_START + SUPERBLOCK_BYTES

/** Tells the kind of an image from its first 2048 bytes. */
export function payloadKind(head: Uint8Array): PayloadKind {
  if (isExt4(head)) return 'ext4'
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd'
  const magic = new TextDecoder().decode(head.subarray(257, 262))
  return magic === 'ustar' ? 'tar' : 'unknown'
}

/** A stream whose first bytes were looked at and which still yields all of them. */
export interface PeekedStream {
  readonly kind: PayloadKind
  readonly bytes: AsyncIterable<Uint8Array>
}

/** Reads as many chunks as are needed to tell the kind. */
export async function peekPayload(bytes: AsyncIterable<Uint8Array>): Promise<PeekedStream> {
  const iterator = bytes[Symbol.asyncIterator]()
  let head = new Uint8Array(0)
  while (head.length < PEEK_BYTES) {
    const next = await iterator.next()
    if (next.done === true) break
    const longer = new Uint8Array(head.length + next.value.length)
    longer.set(head)
    longer.set(next.value, head.length)
    head = longer
  }
  return { kind: payloadKind(head), bytes: chain(head, iterator) }
}

async function* chain(
  head: Uint8Array,
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield head
    for (;;) {
      const next = await iterator.next()
      if (next.done === true) return
      yield next.value
    }
  } finally {
    await iterator.return?.()
  }
}

/** Passes bytes on, adds them to a digest, counts them, and stops when cancelled. */
export async function* observe(
  bytes: AsyncIterable<Uint8Array>,
  digest: Sha256,
  onBytes: (count: number) => void,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let count = 0
  for await (const chunk of bytes) {
    if (signal.aborted)
      throw new OsError('blocked', {
        code: 'cancelled',
        message: 'Cannot finish the preparation: it was cancelled',
      })
    digest.update(chunk)
    count += chunk.length
    onBytes(count)
    yield chunk
  }
}

/** Raw bytes of a zstd stream; an end in the middle of a frame is an error of kind `integrity`. */
export async function* decompress(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]()
  const source: { error?: Error } = {}
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          const next = await iterator.next()
          // A copy: the source may reuse its chunk while this one waits in the queue.
          if (next.done === true) controller.close()
          else controller.enqueue(new Uint8Array(next.value))
        } catch (error) {
          source.error = error instanceof Error ? error : new Error(String(error))
          controller.error(error)
        }
      },
      cancel: async () => {
        await iterator.return?.()
      },
    },
    { highWaterMark: 0 },
  )
  const zstd = new DecompressionStream('zstd' as CompressionFormat)
  try {
    yield* stream.pipeThrough(zstd)
  } catch (cause) {
    if (source.error !== undefined) throw source.error
    if (cause instanceof OsError) throw cause
    throw new OsError('integrity', {
      code: 'image-damaged',
      message:
        'Cannot use the image: it is not a complete zstd stream; compress it again, and set checksum to that of the new file',
      cause,
    })
  }
}
