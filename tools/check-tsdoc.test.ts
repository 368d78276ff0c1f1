import { expect, test } from 'bun:test'
import { checkTsdoc } from './check-tsdoc.ts'

const KUBE = 'packages/kube/src/x.ts'
const check = (text: string, path = KUBE) =>
  checkTsdoc([{ path, text }]).map((finding) => finding.message)

test('checkTsdoc() wants words above each kind of export of a shared package', () => {
  const forms = [
    'async function a() {}',
    'class a {}',
    'interface a {}',
    'type a = 1',
    'const a = 1',
  ]
  for (const form of forms) {
    expect(check(`// Opens.\nexport ${form}\n`)).toEqual(['a has no TSDoc'])
    expect(check(`// Opens.\n/** Words. */\nexport ${form}\n`)).toEqual([])
    expect(check(`// Opens.\nexport ${form}\n`, 'packages/host/src/x.ts')).toEqual([])
  }
})

test('checkTsdoc() lets words of the wire and schemas stand for themselves', () => {
  expect(check("// Opens.\nexport const OS_GROUP = 'x'\nexport const OsSpec = 1\n")).toEqual([])
})

test('checkTsdoc() takes a bag of arguments with its function', () => {
  expect(check('// Opens.\nexport interface DrainRequest {}\n')).toEqual([])
  expect(check('// Opens.\nexport interface Drain {}\n')).toHaveLength(1)
})

test('checkTsdoc() wants an opening comment in every file but tests', () => {
  const message = 'does not open with what it is for'
  expect(check('const a = 1\n', 'packages/host/src/x.ts')).toEqual([message])
  expect(check('const a = 1\n', 'packages/host/src/x.test.ts')).toEqual([])
})
