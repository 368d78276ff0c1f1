// The documented invocations and exit codes (contract 6.1).
import { expect, test } from 'bun:test'
import { parseCommandLine } from './command-line.ts'

function parse(...argv: string[]) {
  let stdout = ''
  let stderr = ''
  const output = {
    stdout: (text: string) => (stdout += text),
    stderr: (text: string) => (stderr += text),
  }
  return { asked: parseCommandLine(argv, output), stdout: () => stdout, stderr: () => stderr }
}

test('parseCommandLine() takes the type before or after -f, and --debug on both sides of create', () => {
  const wanted = { action: 'create', file: 'a.toml', imageType: 'vm-img', strict: false } as const
  expect(parse('create', '-f', 'a.toml', 'vm-img').asked).toEqual({ ...wanted, debug: false })
  expect(parse('create', 'vm-img', '--file', 'a.toml').asked).toEqual({ ...wanted, debug: false })
  expect(parse('-d', 'create', '-f', 'a.toml', 'vm-img').asked).toEqual({ ...wanted, debug: true })
  expect(parse('create', '--debug', '-f', 'a.toml', 'vm-img').asked).toEqual({
    ...wanted,
    debug: true,
  })
  expect(parse('create', '-f', 'a.toml', 'vm-img', '--strict').asked).toEqual({
    ...wanted,
    debug: false,
    strict: true,
  })
})

test('parseCommandLine() ends with 0 for help and version', () => {
  for (const argv of [
    ['--help'],
    ['help'],
    ['help', 'create'],
    ['create', '-h'],
    ['-V'],
    ['--version'],
  ]) {
    const { asked, stdout } = parse(...argv)
    expect(asked).toEqual({ action: 'exit', exitCode: 0 })
    expect(stdout()).toMatch(/kbimg/)
  }
})

test('parseCommandLine() ends with 2 for wrong usage and says why', () => {
  for (const argv of [
    [],
    ['create'],
    ['create', 'vm-img'],
    ['create', '-f', 'a', 'iso'],
    ['make'],
    ['create', '-f', 'a', 'vm-img', '--x'],
  ]) {
    const { asked, stderr } = parse(...argv)
    expect(asked).toEqual({ action: 'exit', exitCode: 2 })
    expect(stderr()).not.toBe('')
  }
})
