import { describe, expect, test } from 'bun:test'
import { AGENT_HELP, parseAgentCommand } from './command-line.ts'

const digest = 'AB'.repeat(32)

describe('parseAgentCommand()', () => {
  test('serves without arguments, as the documented agent does', () => {
    expect(parseAgentCommand([])).toEqual({ name: 'serve' })
  })

  test('knows every command that the help names', () => {
    for (const name of ['trial-start', 'gate', 'deadline'] as const) {
      expect(parseAgentCommand([name])).toEqual({ name })
      expect(AGENT_HELP).toMatch(new RegExp(`^  ${name} `, 'm'))
    }
    for (const name of [
      'status',
      'slots',
      'verify',
      'mark-good',
      'rollback',
      'cancel',
      'drift',
      'undo',
    ] as const) {
      expect(parseAgentCommand([name])).toEqual({ name, isJson: false })
      expect(AGENT_HELP).toMatch(new RegExp(`^  ${name} `, 'm'))
    }
    for (const argv of [
      ['status', '-o', 'json'],
      ['status', '-ojson'],
      ['status', '--output=json'],
    ])
      expect(parseAgentCommand(argv)).toEqual({ name: 'status', isJson: true })
    expect(parseAgentCommand(['--help'])).toEqual({ name: 'help' })
  })

  test('takes a digest as users copy it', () => {
    const image = { digest: digest.toLowerCase(), version: 'KubeOS v2' }
    const parsed = { name: 'allow', image, isJson: false } as const
    expect(parseAgentCommand(['allow', digest, 'KubeOS v2'])).toEqual(parsed)
    expect(parseAgentCommand(['allow', `sha256:${digest}`, 'KubeOS v2'])).toEqual(parsed)
  })

  test('takes one path for plan and release-file, and -o json anywhere behind the command', () => {
    for (const name of ['plan', 'release-file'] as const)
      expect(parseAgentCommand([name, '-o', 'json', '/a b'])).toEqual({
        name,
        path: '/a b',
        isJson: true,
      })
  })

  test.each([
    [['serve']],
    [['status', '-o', 'yaml']],
    [['gate', 'x']],
    [['gate', '-o', 'json']],
    [['slots', '-o']],
    [['slots', 'A']],
    [['plan']],
    [['plan', 'a', 'b']],
    [['release-file', '']],
    [['allow']],
    [['allow', digest]],
    [['allow', 'short', 'v2']],
    [['allow', digest, 'v2', 'x']],
    [['-v']],
  ])('refuses %j', (argv) => {
    expect(() => parseAgentCommand(argv)).toThrow('see os-agent --help')
  })
})
