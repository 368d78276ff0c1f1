// SHA-256 of a whole slot in small pieces, with a rest after each: for background work.
import { OsError } from '@kubenest/base/errors'
import { alignedBuffer, DIRECT_ALIGNMENT_BYTES } from '../../linux/aligned-buffer.ts'
import type { RawFiles } from '../../linux/raw-file.ts'
import { createSha256 } from '../../linux/sha256.ts'
import { dropPageCache } from '../../linux/drop-cache.ts'
import { openSlotFile } from './slot-file.ts'

const PIECE_BYTES = 1024 * 1024

/** Reads `sizeBytes` of a slot that may be mounted; `rest` follows each piece. */
export async function digestSlot(
  rawFiles: RawFiles,
  path: string,
  sizeBytes: number,
  rest: () => Promise<void>,
): Promise<string> {
  const file = await openSlotFile(rawFiles, path, { access: 'read', exclusive: false })
  const digest = createSha256()
  const buffer = alignedBuffer(PIECE_BYTES)
  try {
    if (!file.isDirect()) await dropPageCache(path)
    for (let position = 0; position < sizeBytes; position += PIECE_BYTES) {
      const wanted = Math.min(PIECE_BYTES, sizeBytes - position)
      const length = Math.ceil(wanted / DIRECT_ALIGNMENT_BYTES) * DIRECT_ALIGNMENT_BYTES
      const got = await file.read(buffer.subarray(0, length), position)
      if (got < wanted) throw shortRead(path, position + got)
      digest.update(buffer.subarray(0, wanted))
      await rest()
    }
  } finally {
    await file.close()
  }
  return digest.digest()
}

function shortRead(path: string, position: number): OsError {
  return new OsError('host', {
    code: 'slot-short-read',
    message: `Cannot read ${path}: it ends at byte ${position}`,
  })
}
