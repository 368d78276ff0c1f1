import { expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { suiteFiles } from './suites.ts'
import { chooseParts, renderClosing } from './test.ts'

test('renderClosing() ends with the sum of all parts and nothing after it', () => {
  const text = renderClosing([
    { part: 'checks', passed: 9, failed: 1, skipped: 0, seconds: 2 },
    { part: 'ok', passed: 30, failed: 2, skipped: 1, seconds: 61.2 },
  ])
  expect(text.split('\n').at(-1)).toBe('39 passed, 3 failed')
})

test('chooseParts() runs all but the long proof without words, and keeps the order', () => {
  expect(chooseParts([])).toEqual(['checks', 'ok', 'component', 'kube', 'vm'])
  expect(chooseParts(['vm', 'ok'])).toEqual(['ok', 'vm'])
  expect(chooseParts(['prove'])).toEqual(['prove'])
  expect(() => chooseParts(['okay'])).toThrow('Cannot run "okay"')
})

test('suiteFiles() puts every test file into exactly one suite', async () => {
  const root = await fs.mkdtemp(path.join(os.tmpdir(), 'kubenest-suites-'))
  const files = {
    ok: ['packages/api/src/a/x.test.ts', 'tools/y.test.ts'],
    component: ['packages/api/test/deep/z.test.ts'],
    kube: ['e2e/kube/k.test.ts'],
    vm: ['e2e/vm/v.test.ts'],
    prove: ['e2e/vm/prove/w.test.ts', 'packages/api/test/prove/p.test.ts'],
  }
  for (const file of [...Object.values(files).flat(), 'packages/api/src/not-a-test.ts'])
    await Bun.write(path.join(root, file), '')
  for (const [suite, wanted] of Object.entries(files))
    expect(await suiteFiles(suite as keyof typeof files, root)).toEqual(wanted)
  await fs.rm(root, { recursive: true })
})
