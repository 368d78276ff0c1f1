import { describe, expect, test } from 'bun:test'
import type { AppletContext } from './applet.ts'
import { OsError } from './errors.ts'
import { chooseApplet, type Program, runProgram } from './program.ts'

const seen: string[][] = []
const program: Program = {
  name: 'zoo',
  summary: 'Keeps animals.',
  applets: [
    {
      name: 'lion',
      summary: 'Roars.',
      usage: '[--loud]',
      load: async () => async (context) => {
        seen.push([...context.argv])
        return 7
      },
    },
    { name: 'cat', summary: 'Purrs.', load: async () => async () => 0 },
  ],
}

describe('chooseApplet() chooses', () => {
  const rows: [string, string[], string][] = [
    ['/usr/bin/lion', ['-x'], 'lion:-x'],
    ['lion', ['cat'], 'lion:cat'],
    ['zoo', ['cat', 'a', 'b'], 'cat:a,b'],
    ['/opt/renamed', ['lion'], 'lion:'],
    ['cat', ['--help'], 'cat:--help'],
  ]
  for (const [calledAs, argv, wanted] of rows) {
    test(`${calledAs} ${argv.join(' ')} → ${wanted}`, () => {
      const choice = chooseApplet(program, calledAs, argv)
      expect(choice.kind === 'run' && `${choice.entry.name}:${choice.argv.join(',')}`).toBe(wanted)
    })
  }
})

describe('runProgram()', () => {
  test('lists every applet with its summary for --help', async () => {
    const { exitCode, stdout } = await run('zoo', ['--help'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('  lion  Roars.\n  cat   Purrs.\n')
  })

  test('prints program, version, commit and target for --version by every name', async () => {
    const pattern = (name: string) => new RegExp(`^${name} \\S+ \\(commit \\S+, \\S+\\)\\n$`)
    expect((await run('zoo', ['--version'])).stdout).toMatch(pattern('zoo'))
    expect((await run('lion', ['--version'])).stdout).toMatch(pattern('lion'))
    expect((await run('zoo', ['lion', '-V'])).stdout).toMatch(pattern('zoo lion'))
  })

  test("prints an applet's usage under the name it was called with", async () => {
    expect((await run('lion', ['--help'])).stdout).toBe('Roars.\n\nUsage: lion [--loud]\n')
    expect((await run('zoo', ['lion', '-h'])).stdout).toContain('Usage: zoo lion [--loud]')
  })

  test('refuses an unknown applet with exit code 64 and the list on stderr', async () => {
    const { exitCode, stdout, stderr } = await run('zoo', ['dog'])
    expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' })
    expect(stderr).toContain('there is no applet "dog"')
    expect(stderr).toContain('lion  Roars.')
  })

  test('refuses an empty call', async () => {
    const { exitCode, stderr } = await run('zoo', [])
    expect(exitCode).toBe(64)
    expect(stderr).toContain('no applet is named')
  })

  test('hands the applet its own arguments and returns its exit code', async () => {
    seen.length = 0
    expect((await run('zoo', ['lion', '--loud', 'x'])).exitCode).toBe(7)
    expect(seen).toEqual([['--loud', 'x']])
  })

  test('lets the error of an applet through', async () => {
    const broken: Program = {
      ...program,
      applets: [
        {
          name: 'bad',
          summary: 'Fails.',
          load: async () => async () => {
            throw new OsError('blocked', { code: 'not-now', message: 'Cannot go on: not now' })
          },
        },
      ],
    }
    await expect(runProgram(broken, 'bad', contextOf([]).context)).rejects.toThrow('not now')
  })
})

async function run(calledAs: string, argv: string[]) {
  const { context, out } = contextOf(argv)
  const exitCode = await runProgram(program, calledAs, context)
  return { exitCode, stdout: out.stdout, stderr: out.stderr }
}

function contextOf(argv: string[]) {
  const out = { stdout: '', stderr: '' }
  const context: AppletContext = {
    argv,
    env: {},
    stop: new AbortController().signal,
    stdout: (text) => void (out.stdout += text),
    stderr: (text) => void (out.stderr += text),
  }
  return { context, out }
}
