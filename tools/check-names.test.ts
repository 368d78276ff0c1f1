import { describe, expect, test } from 'bun:test'
import { checkNames } from './check-names.ts'

const check = (path: string, text = '') => checkNames([{ path, text }]).map((each) => each.message)

describe('checkNames() refuses', () => {
  const rows: [string, string, string][] = [
    ['packages/a/src/planRollout.ts', '', 'not kebab-case'],
    ['packages/a/src/Plan.test.ts', '', 'not kebab-case'],
    ['packages/a/src/my_folder/x.ts', '', 'not kebab-case'],
    ['packages/a/src/utils/x.ts', '', 'says nothing'],
    ['packages/a/src/helpers.ts', '', 'says nothing'],
    ['packages/a/src/index.ts', '', 'barrel'],
    ['packages/a/src/x.ts', 'export function planRollout() {}\n', 'plan-rollout.ts'],
  ]
  for (const [path, text, wanted] of rows)
    test(`${path} ${text.trim()}`, () => {
      expect(check(path, text).join()).toContain(wanted)
    })
})

describe('checkNames() accepts', () => {
  const rows: [string, string][] = [
    ['packages/a/src/plan-rollout.ts', 'export async function planRollout() {}\n'],
    ['packages/a/src/os-schema.ts', 'export const OsSpec = 1\n'],
    ['packages/a/src/log.ts', 'export interface Logger {}\nexport function make() {}\n'],
    ['packages/a/src/errors.ts', 'export class A {}\nexport function b() {}\n'],
    ['packages/a/src/main.ts', 'export function other() {}\n'],
    ['packages/a/src/x.contract.ts', 'export function other() {}\n'],
    ['.ci/check.ts', ''],
  ]
  for (const [path, text] of rows)
    test(`${path} ${text.trim()}`, () => {
      expect(check(path, text)).toEqual([])
    })
})
