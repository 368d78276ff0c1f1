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
      expect(AGENT_HELP).toContain(`os-agent ${name}`)
    }
    for (const argv of [
      ['status', '-o', 'json'],
      ['status', '-ojson'],
      ['status', '--output=json'],
    ])
      expect(parseAgentCommand(argv)).toEqual({ name: 'status', isJson: true })
    expect(parseAgentCommand(['status'])).toEqual({ name: 'status', isJson: false })
    expect(parseAgentCommand(['--help'])).toEqual({ name: 'help' })
  })

  test('takes a digest as users copy it', () => {
    const image = { digest: digest.toLowerCase(), version: 'KubeOS v2' }
    expect(parseAgentCommand(['allow', digest, 'KubeOS v2'])).toEqual({ name: 'allow', image })
    expect(parseAgentCommand(['allow', `sha256:${digest}`, 'KubeOS v2'])).toEqual({
      name: 'allow',
      image,
    })
  })

  test.each([
    [['serve']],
    [['status', '-o', 'yaml']],
    [['gate', 'x']],
    [['allow']],
    [['allow', digest]],
    [['allow', 'short', 'v2']],
    [['allow', digest, 'v2', 'x']],
    [['-v']],
  ])('refuses %j', (argv) => {
    expect(() => parseAgentCommand(argv)).toThrow('see os-agent --help')
  })
})
