import { expect, test } from 'bun:test'
import { parseLogLevel } from './log-level.ts'

test.each([
  [undefined, 'info'],
  ['', 'info'],
  ['debug', 'debug'],
  ['TRACE', 'debug'],
  ['hyper=off,warn', 'warn'],
  ['error , debug', 'error'],
  ['off', 'fatal'],
  ['__proto__', 'info'],
  ['nonsense', 'info'],
] as const)('parseLogLevel() reads %j as %s', (text, level) => {
  expect(parseLogLevel(text)).toBe(level)
})
