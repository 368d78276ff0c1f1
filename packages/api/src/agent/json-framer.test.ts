// Framing: whatever the split, the same values; whatever the bytes, no throw and bounded memory.
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { createJsonFramer, type FramedValue, type JsonFramer } from './json-framer.ts'
import { RPC_DEPTH_MAX, RPC_MESSAGE_BYTES_MAX, RPC_VALUES_MAX } from './rpc.ts'

const encoder = new TextEncoder()

function feed(framer: JsonFramer, ...parts: (string | Uint8Array)[]): FramedValue[] {
  return parts.flatMap((part) => [
    ...framer.push(typeof part === 'string' ? encoder.encode(part) : part),
  ])
}

function cut(bytes: Uint8Array, points: number[]): Uint8Array[] {
  const sorted = points.map((point) => point % (bytes.length + 1)).sort((a, b) => a - b)
  return [0, ...sorted].map((from, index) => bytes.subarray(from, sorted[index] ?? bytes.length))
}

const container = fc
  .oneof(fc.array(fc.jsonValue(), { maxLength: 5 }), fc.dictionary(fc.string(), fc.jsonValue()))
  .map((value) => JSON.stringify(value))

describe('createJsonFramer()', () => {
  test('gives the same values for any split of any concatenation', () => {
    const gaps = fc.constantFrom('', ' ', '\n', '\r\n\t ')
    fc.assert(
      fc.property(
        fc.array(fc.tuple(container, gaps), { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (texts, points) => {
          const bytes = encoder.encode(texts.map(([text, gap]) => gap + text).join(''))
          const framer = createJsonFramer({ depthMax: 1000 })
          const framed = feed(framer, ...cut(bytes, points))
          expect(framed).toEqual(
            texts.map(([text]) => ({ kind: 'value', value: JSON.parse(text) as unknown })),
          )
          expect(framer.isInsideValue()).toBe(false)
        },
      ),
      { numRuns: 2000 },
    )
  }, 60_000)

  test('never throws on hostile bytes and gives the same outcome for any split', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .array(fc.constantFrom(...encoder.encode('{}[]"\\ ,:1a\n'), 0xff, 0xc3, 0), {
          maxLength: 200,
        })
        .map((bytes) => Uint8Array.from(bytes)),
    )
    fc.assert(
      fc.property(hostile, fc.array(fc.nat(), { maxLength: 8 }), (bytes, points) => {
        const limits = { bytesMax: 64, depthMax: 8, valuesMax: 12 }
        const whole = feed(createJsonFramer(limits), bytes)
        expect(feed(createJsonFramer(limits), ...cut(bytes, points))).toEqual(whole)
      }),
      { numRuns: 10_000 },
    )
  }, 60_000)

  test('splits inside a UTF-8 sequence, a string with brackets, and an escaped quote', () => {
    const text = '{"a":"ä]}\\"\\\\€"}'
    for (const byte of encoder.encode(text).keys()) {
      const bytes = encoder.encode(text)
      const framed = feed(createJsonFramer(), bytes.subarray(0, byte), bytes.subarray(byte))
      expect(framed).toEqual([{ kind: 'value', value: { a: 'ä]}"\\€' } }])
    }
  })

  test('gives a value as soon as its last byte is there, before the next one begins', () => {
    const framer = createJsonFramer()
    expect(feed(framer, '{"id":1')).toEqual([])
    expect(framer.isInsideValue()).toBe(true)
    expect(feed(framer, '}{')).toEqual([{ kind: 'value', value: { id: 1 } }])
    expect(framer.isInsideValue()).toBe(true)
  })

  test('goes on after balanced text that is no JSON', () => {
    expect(feed(createJsonFramer(), '{]{"id":1}')).toEqual([
      { kind: 'fault', fault: 'not-json', broken: false },
      { kind: 'value', value: { id: 1 } },
    ])
  })

  test.each(['1', '"x"', 'true', ']', '\u000b[]', '\ufeff{}'])(
    'breaks off at %j on the top level and stays silent afterwards',
    (text) => {
      const framer = createJsonFramer()
      expect(feed(framer, text, '{}')).toEqual([{ kind: 'fault', fault: 'not-json', broken: true }])
      expect(framer.isInsideValue()).toBe(false)
    },
  )

  test('refuses bytes that are not UTF-8 inside a string', () => {
    const bytes = Uint8Array.of(0x5b, 0x22, 0xc3, 0x28, 0x22, 0x5d)
    expect(feed(createJsonFramer(), bytes)).toEqual([
      { kind: 'fault', fault: 'not-json', broken: false },
    ])
  })

  test('takes a value of exactly the cap and breaks off one byte above, however it arrives', () => {
    const fits = `["${'x'.repeat(RPC_MESSAGE_BYTES_MAX - 4)}"]`
    expect(feed(createJsonFramer(), fits).map((framed) => framed.kind)).toEqual(['value'])
    const above = encoder.encode(`["${'x'.repeat(RPC_MESSAGE_BYTES_MAX - 3)}"]`)
    const tooLarge = [{ kind: 'fault', fault: 'too-large', broken: true }]
    expect(feed(createJsonFramer(), above)).toEqual(tooLarge as FramedValue[])
    expect(feed(createJsonFramer(), ...cut(above, [1000, 600_000]))).toEqual(
      tooLarge as FramedValue[],
    )
  })

  test('takes as many values as allowed and breaks off one above, whatever strings hold', () => {
    // One for the array, one for each element, one for each comma.
    const list = (values: number) => `[${'{},'.repeat(values / 2 - 1)}{}]`
    const fits = list(RPC_VALUES_MAX)
    expect(feed(createJsonFramer(), fits, fits).map(({ kind }) => kind)).toEqual(['value', 'value'])
    expect(feed(createJsonFramer(), list(RPC_VALUES_MAX + 2))).toEqual([
      { kind: 'fault', fault: 'too-many-values', broken: true },
    ])
    expect(feed(createJsonFramer(), `["${'[,'.repeat(RPC_VALUES_MAX)}"]`)[0]?.kind).toBe('value')
  })

  test('takes the deepest allowed value and breaks off one level below', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect(feed(createJsonFramer(), nested(RPC_DEPTH_MAX))[0]?.kind).toBe('value')
    expect(feed(createJsonFramer(), nested(RPC_DEPTH_MAX + 1))).toEqual([
      { kind: 'fault', fault: 'too-deep', broken: true },
    ])
  })
})
