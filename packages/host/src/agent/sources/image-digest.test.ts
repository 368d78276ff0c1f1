import { describe, expect, test } from 'bun:test'
import { assertPromised, digestOfTable, digestsOfList, parseChecksum } from './image-digest.ts'

const HEX = '0123456789abcdef'.repeat(4)
const TABLE = `REF        TYPE   DIGEST          SIZE   PLATFORMS   LABELS
reg/os:v20 type/x sha256:99       1.0 B  linux/amd64 -
reg/os:v2  type/x sha256:AB       716.0 B linux/amd64 -
`

describe('parseChecksum()', () => {
  test('takes 64 digits in any case, with or without sha256:', () => {
    for (const text of [HEX, HEX.toUpperCase(), `sha256:${HEX}`, ` ${HEX} `])
      expect(parseChecksum(text)).toBe(HEX)
  })

  test.each(['', 'ab', `${HEX}0`, `md5:${HEX}`, HEX.replace('0', 'g')])('refuses %j', (text) => {
    expect(() => parseChecksum(text)).toThrow(
      expect.objectContaining({ code: 'checksum-malformed' }),
    )
  })
})

describe('digestsOfList()', () => {
  test('D11: reads what the engines print, every name of it', () => {
    expect(digestsOfList('[name@sha256:AB]')).toEqual(['ab'])
    expect(digestsOfList('[a/b@sha256:01 c:5000/d@sha256:02]\n')).toEqual(['01', '02'])
  })

  test.each(['[name:sha256:ab]', '[]', '', '<no value>', '[@sha256:ab]', '[a@sha256:ab b]'])(
    'D11: refuses %j',
    (output) => {
      expect(() => digestsOfList(output)).toThrow(
        expect.objectContaining({ kind: 'integrity', code: 'image-digest-unreadable' }),
      )
    },
  )
})

describe('digestOfTable()', () => {
  test('D11: takes the third column of exactly this image', () => {
    expect(digestOfTable(TABLE, 'reg/os:v2')).toEqual(['ab'])
  })

  test.each([
    ['another image', TABLE, 'reg/os'],
    ['garbage', 'reg/os:v2 sha256:ab', 'reg/os:v2'],
    ['nothing', '', 'reg/os:v2'],
  ])('D11: refuses %s', (_, table, image) => {
    expect(() => digestOfTable(table, image)).toThrow(
      expect.objectContaining({ code: 'image-digest-unreadable' }),
    )
  })
})

test('assertPromised() takes any name of the same content, and tells both digests otherwise', () => {
  assertPromised('os', ['01', '02'], '02')
  expect(() => assertPromised('os', ['01', '02'], '03')).toThrow(/01, 02.*03/)
})
