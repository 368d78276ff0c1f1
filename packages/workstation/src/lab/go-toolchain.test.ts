import { expect, test } from 'bun:test'
import { moduleProxies } from './go-toolchain.ts'

test.each([
  [undefined, ['https://proxy.golang.org']],
  ['', ['https://proxy.golang.org']],
  ['https://a.example/,https://b.example|direct', ['https://a.example', 'https://b.example']],
  ['off', []],
  ['direct', []],
])('moduleProxies(%p) is %p', (setting, proxies) => {
  expect(moduleProxies(setting)).toEqual(proxies)
})
