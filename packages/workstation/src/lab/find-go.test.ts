import { expect, test } from 'bun:test'
import { isUsableGo } from './find-go.ts'

test.each([
  ['go version go1.19.8 linux/amd64', false],
  ['go version go1.20 linux/amd64', false],
  ['go version go1.21.0 linux/amd64', true],
  ['go version go1.26.8 linux/amd64', true],
  ['go version go2.0 linux/amd64', true],
  ['no go at all', false],
])('isUsableGo(%p) is %p', (version, usable) => {
  expect(isUsableGo(version)).toBe(usable)
})
