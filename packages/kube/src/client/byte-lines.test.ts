import { expect, test } from 'bun:test'
import { byteLines } from './byte-lines.ts'

async function lines(chunks: readonly string[], lineBytesMax = 100): Promise<string[]> {
  async function* bytes() {
    for (const chunk of chunks) yield new TextEncoder().encode(chunk)
  }
  return await Array.fromAsync(byteLines(bytes(), lineBytesMax))
}

test('byteLines() joins pieces, splits chunks and skips empty lines', async () => {
  expect(await lines(['a', 'b\nc\n\n', 'd', '', '\ne\n'])).toEqual(['ab', 'c', 'd', 'e'])
})

test('byteLines() drops an unfinished last line', async () => {
  expect(await lines(['a\nb'])).toEqual(['a'])
})

test('byteLines() refuses a line without an end', async () => {
  expect(lines(['12345', '67890', '1'], 10)).rejects.toThrow('longer than 10 bytes')
})
