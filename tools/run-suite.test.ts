import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { runTestFiles, tallyOf } from './run-suite.ts'

let folder = ''
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'kubenest-run-suite-'))
})
afterAll(() => fs.rm(folder, { recursive: true, force: true }))

const HEAD = "import { expect, test } from 'bun:test'\n"
const PASS = "test('one', () => { expect(1).toBe(1) })\n"
const rows: [string, string, object][] = [
  ['two that pass', HEAD + PASS + PASS, { passed: 2, failed: 0, skipped: 0 }],
  [
    'one that fails',
    `${HEAD}${PASS}test('two', () => { expect(1).toBe(2) })`,
    { passed: 1, failed: 1, skipped: 0 },
  ],
  ['one that is skipped', `${HEAD}${PASS}test.skip('two', () => {})`, { passed: 1, skipped: 1 }],
  ['process.exit(0) inside a test', `${HEAD}test('x', () => process.exit(0))`, { failed: 1 }],
  ['a file that does not load', `${HEAD}${PASS}throw new Error('at load')`, { failed: 1 }],
  [
    'a runner that is killed',
    `${HEAD}test('x', () => process.kill(process.pid, 9))`,
    { failed: 1 },
  ],
  ['a file without tests', 'export const nothing = 1\n', { passed: 0, failed: 1 }],
  [
    'an error after the last test',
    `${HEAD}${PASS}setTimeout(() => { throw new Error('late') }, 0)\n` +
      "test('two', async () => { await Bun.sleep(20) })",
    { failed: 1 },
  ],
]

describe('runTestFiles() counts', () => {
  for (const [title, content, wanted] of rows) {
    test(title, async () => {
      const file = `${title.replace(/\W+/g, '-')}.test.ts`
      await fs.writeFile(path.join(folder, file), content)
      expect(await run(file, 20_000)).toMatchObject(wanted)
    })
  }

  test('a runner that does not end as one failure', async () => {
    const content = `${HEAD}test('x', () => new Promise(() => setInterval(() => {}, 50)), 60_000)`
    await fs.writeFile(path.join(folder, 'endless.test.ts'), content)
    const tally = await run('endless.test.ts', 500)
    expect(tally).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })
})

test('tallyOf() takes a report without a single test as a failure', () => {
  const empty = '<testsuites name="bun test" tests="0" failures="0" skipped="0">'
  expect(tallyOf(empty, 0).failed).toBe(1)
})

function run(file: string, limitMs: number) {
  return runTestFiles([file], { cwd: folder, limitMs, output: 'ignore' })
}
