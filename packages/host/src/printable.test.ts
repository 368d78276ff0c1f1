import { expect, test } from 'bun:test'
import { printable } from './printable.ts'

test('printable() shows escape sequences instead of sending them', () => {
  expect(printable('v2\u001b[31mred\u009b0m')).toBe('v2\\u001b[31mred\\u009b0m')
  expect(printable('a\rb\tc\u007f\u0000')).toBe('a\\u000db\\u0009c\\u007f\\u0000')
})

test('printable() shows marks that turn the direction of text', () => {
  for (const mark of ['\u202e', '\u2066', '\u200f', '\u061c', '\u2028'])
    expect(printable(mark)).toBe(`\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)
})

test('printable() keeps lines and every language', () => {
  expect(printable('节点 ä €\n')).toBe('节点 ä €\n')
})

test('printable() keeps JSON what it was', () => {
  const value = { a: 'x\u009b\u202e\n' }
  expect(JSON.parse(printable(JSON.stringify(value, null, 2)))).toEqual(value)
})
