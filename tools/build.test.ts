import { afterAll, beforeAll, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { buildExecutable } from './build.ts'
import { bunRuntime } from './bun-runtime.ts'

const FIXTURE = path.join(import.meta.dir, 'testdata/small-program.ts')
let folder = ''
let program = ''

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'kubenest-build-'))
  program = path.join(folder, 'bin/small')
  await build(program)
  await fs.symlink('small', path.join(folder, 'bin/applet-a'))
  const place = path.join(folder, 'hostile')
  await fs.mkdir(place)
  await fs.writeFile(path.join(place, '.env'), 'PLANTED=by-env-file\n')
  await fs.writeFile(path.join(place, 'bunfig.toml'), 'preload = ["./preload.ts"]\n')
  await fs.writeFile(path.join(place, 'preload.ts'), 'console.log("PLANTED by bunfig")\n')
}, 60_000)

afterAll(() => fs.rm(folder, { recursive: true, force: true }))

test('buildExecutable() makes a program that ignores .env and bunfig.toml around it', () => {
  const place = path.join(folder, 'hostile')
  const source = run([process.execPath, FIXTURE, 'applet-a'], place)
  expect(source.stdout, 'the trap itself must work').toContain('PLANTED')
  const compiled = run([program, 'applet-a'], place)
  expect(compiled).toEqual({ exitCode: 0, stdout: 'a planted=no argv=\n' })
})

test('buildExecutable() makes a program that knows its call name, version, commit and target', () => {
  expect(run([program, '--version']).stdout).toBe('small 9.8.7 (commit abc123, linux-x64)\n')
  const linked = path.join(folder, 'bin/applet-a')
  expect(run([linked, '--version']).stdout).toBe('applet-a 9.8.7 (commit abc123, linux-x64)\n')
  expect(run([linked, 'x']).stdout).toBe('a planted=no argv=x\n')
  expect(run(['applet-a', 'y'], folder, path.join(folder, 'bin')).stdout).toContain('argv=y')
  expect(run([program, '--help']).stdout).toContain('applet-b')
  expect(run([program, 'nothing'])).toEqual({ exitCode: 64, stdout: '' })
})

test('buildExecutable() makes a program that can start itself again with more environment', () => {
  expect(run([program, 'restarted', 'a b', 'c'])).toEqual({
    exitCode: 0,
    stdout: 'set argv=a b,c\n',
  })
})

test('buildExecutable() makes the same bytes twice', async () => {
  const again = path.join(folder, 'again/small')
  await build(again)
  expect(await sha256(again)).toBe(await sha256(program))
}, 60_000)

test('bunRuntime() finds the pinned runtime of this machine', async () => {
  expect(run([await bunRuntime('linux-x64'), '--version']).stdout).toBe('1.4.5\n')
})

function build(outfile: string): Promise<void> {
  const identity = { version: '9.8.7', commit: 'abc123' }
  return buildExecutable({ entry: FIXTURE, outfile, target: 'linux-x64', ...identity })
}

function run(argv: string[], cwd = folder, extraPath = '') {
  const env = { PATH: `${extraPath}:/usr/bin:/bin`, HOME: folder }
  const { exitCode, stdout } = Bun.spawnSync(argv, { cwd, env })
  return { exitCode, stdout: stdout.toString() }
}

async function sha256(file: string): Promise<string> {
  return new Bun.CryptoHasher('sha256').update(await Bun.file(file).bytes()).digest('hex')
}
