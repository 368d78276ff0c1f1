// Bytes that no honest client sends (F-06), made from a seed: broken, split, nested, concatenated,
// and sprinkled over real requests.
import * as fc from 'fast-check'

const encoder = new TextEncoder()
const REQUESTS = [
  '{"jsonrpc":"2.0","method":"nothing","id":1}',
  '{"jsonrpc":"2.0","method":"upgrade","params":{"__proto__":{"x":1}},"id":"ä€😀"}',
  '[{"jsonrpc":"2.0","method":"cancel","params":[1],"id":2},{"jsonrpc":"2.0"}]',
  '{"jsonrpc":"2.0","method":"prepare_upgrade","params":[{"certs":{}}],"id":null}',
]

const bytesOf = (text: fc.Arbitrary<string>) => text.map((each) => encoder.encode(each))
const structural = fc
  .array(fc.constantFrom(...encoder.encode('{}[]"\\ ,:1a\n'), 0xff, 0xc3, 0xed, 0), {
    maxLength: 300,
  })
  .map((bytes) => Uint8Array.from(bytes))
const nested = fc
  .tuple(fc.constantFrom('[', '{"a":', '[{"a":['), fc.integer({ min: 1, max: 3000 }))
  .map(([opener, depth]) => opener.repeat(depth))
const concatenated = fc
  .array(fc.constantFrom(...REQUESTS), { minLength: 1, maxLength: 12 })
  .map((all) => all.join(''))
const mutated = fc
  .tuple(fc.constantFrom(...REQUESTS), fc.nat(), fc.integer({ min: 0, max: 255 }))
  .map(([text, at, byte]) => {
    const bytes = encoder.encode(text)
    bytes[at % bytes.length] = byte
    return bytes
  })
const wide = fc.integer({ min: 1, max: 40_000 }).map((count) => `[${'{},'.repeat(count)}{}]`)

const input = fc.oneof(
  { arbitrary: fc.uint8Array({ maxLength: 400 }), weight: 4 },
  { arbitrary: structural, weight: 4 },
  { arbitrary: bytesOf(nested), weight: 2 },
  { arbitrary: bytesOf(concatenated), weight: 3 },
  { arbitrary: mutated, weight: 4 },
  { arbitrary: bytesOf(wide), weight: 1 },
)

/** One input: its bytes in the pieces that they are written in. */
export type AbuseInput = readonly Uint8Array[]

/** Inputs of a seed. */
export function abuseInputs(seed: number, count: number): AbuseInput[] {
  const split = fc.tuple(input, fc.array(fc.nat(), { maxLength: 3 })).map(([bytes, points]) => {
    const cuts = points.map((point) => point % (bytes.length + 1)).sort((a, b) => a - b)
    return [0, ...cuts].map((from, index) => bytes.subarray(from, cuts[index] ?? bytes.length))
  })
  return fc.sample(split, { seed, numRuns: count })
}
