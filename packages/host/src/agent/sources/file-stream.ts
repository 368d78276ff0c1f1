// A file that an engine has brought here, as a stream. What is in a container image is somebody
// else's: a link, a pipe or a device under the expected name is refused before it is opened.
import { OsError } from '@kubenest/base/errors'
import { stat } from '@kubenest/base/files'
import type { RawFiles } from '../../linux/raw-file.ts'
import type { ImageStream } from './image-source.ts'

const CHUNK_BYTES = 1024 * 1024

/** Looks at the file and its size; it is opened when its bytes are iterated. */
export async function openFileStream(
  rawFiles: RawFiles,
  file: string,
  sizeBytesMax: number,
): Promise<Required<Pick<ImageStream, 'sizeBytes' | 'bytes'>>> {
  const info = await stat(file)
  if (info?.kind !== 'file') throw noTar(info === undefined ? 'it has none' : 'it is not a file')
  assertSize(info.sizeBytes, sizeBytesMax)
  return { sizeBytes: info.sizeBytes, bytes: readFile(rawFiles, file, info.sizeBytes) }
}

/** Refuses what cannot fit. */
export function assertSize(sizeBytes: number, sizeBytesMax: number): void {
  if (sizeBytes <= sizeBytesMax) return
  throw new OsError('invalid', {
    code: 'image-too-large',
    message: `Cannot use the image: /os.tar in it has ${sizeBytes} bytes or more, and at most ${sizeBytesMax} fit; make a smaller image`,
    fields: { sizeBytes, sizeBytesMax },
  })
}

async function* readFile(
  rawFiles: RawFiles,
  path: string,
  sizeBytes: number,
): AsyncGenerator<Uint8Array, void, void> {
  const file = await rawFiles.open(path, { access: 'read' })
  try {
    const buffer = new Uint8Array(CHUNK_BYTES)
    for (let position = 0; position < sizeBytes;) {
      const length = Math.min(CHUNK_BYTES, sizeBytes - position)
      const got = await file.read(buffer.subarray(0, length), position)
      if (got === 0) throw noTar(`it ended after ${position} of ${sizeBytes} bytes`)
      yield buffer.subarray(0, got)
      position += got
    }
  } finally {
    await file.close()
  }
}

function noTar(reason: string): OsError {
  return new OsError('integrity', {
    code: 'image-without-tar',
    message: `Cannot use the image: it must hold the root file system as the file /os.tar: ${reason}; make it with kbimg create upgrade-img`,
  })
}
