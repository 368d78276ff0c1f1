// Cuts a byte stream into lines. Chunks are kept apart until a line is whole: joining strings for
// each chunk would cost the square of the line's length.
import { OsError } from '@kubenest/base/errors'

const NEWLINE = 10

/**
 * Lines without their newline; an unfinished last line is dropped, because its sender broke off.
 *
 * @throws {OsError} kind `transient`, code `kube-unavailable`, when a line exceeds `lineBytesMax`.
 */
export async function* byteLines(
  chunks: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = decodeLine(decoder, parts, chunk.subarray(start, end))
      parts = []
      size = 0
      start = end + 1
      if (line !== '') yield line
    }
    if (start === chunk.length) continue
    const rest = chunk.subarray(start)
    size += rest.length
    if (size > lineBytesMax) throw lineTooLong(lineBytesMax)
    parts.push(rest)
  }
}

function decodeLine(decoder: TextDecoder, parts: readonly Uint8Array[], last: Uint8Array): string {
  return decoder.decode(parts.length === 0 ? last : Buffer.concat([...parts, last]))
}

function lineTooLong(lineBytesMax: number): OsError {
  return new OsError('transient', {
    code: 'kube-unavailable',
    message: `Cannot read the watch: one event is longer than ${lineBytesMax} bytes`,
  })
}
