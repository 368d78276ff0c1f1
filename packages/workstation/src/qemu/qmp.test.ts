// QEMU's answers come in pieces, mixed with a greeting and events.
import { expect, test } from 'bun:test'
import { findAnswer } from './qmp.ts'

const GREETING = '{"QMP": {"version": {}, "capabilities": []}}\r\n'
const READY = '{"return": {}}\r\n'

test('findAnswer() waits for the answer to the command itself', () => {
  expect(findAnswer(GREETING, 'quit')).toBeUndefined()
  expect(findAnswer(`${GREETING}${READY}`, 'quit')).toBeUndefined()
  expect(
    findAnswer(`${GREETING}${READY}{"event": "SHUTDOWN"}\r\n{"return": {"a": 1}`, 'quit'),
  ).toBeUndefined()
  expect(
    findAnswer(`${GREETING}${READY}{"event": "SHUTDOWN"}\r\n{"return": {"a": 1}}\r\n`, 'quit'),
  ).toEqual({ a: 1 })
})

test('findAnswer() throws what QEMU refuses', () => {
  const refusal = '{"error": {"class": "GenericError", "desc": "no"}}\r\n'
  expect(() => findAnswer(`${GREETING}${READY}${refusal}`, 'quit')).toThrow(/GenericError/)
})
