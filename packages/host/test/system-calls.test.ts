// The unit's SystemCallFilter against what the agent really calls: strace writes down every call of
// the agent and of the programs it runs, systemd tells what its groups hold.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

// Traced programs are slow, and machines under load slower.
setDefaultTimeout(180_000)

const UNIT = path.join(import.meta.dir, '../../../deploy/systemd/os-agent.service')
const canTrace =
  process.getuid?.() === 0 &&
  Bun.which('systemd-analyze') !== null &&
  Bun.which('strace') !== null &&
  Bun.spawnSync(['strace', '-qq', '-o', '/dev/null', 'true']).exitCode === 0
const title = canTrace ? '' : 'SKIPPED, needs root, strace and systemd-analyze: '

let folder: string
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'system-calls-'))
})
afterEach(() => fs.rm(folder, { recursive: true }))

async function filterOf(unit: string): Promise<string[]> {
  const text = await fs.readFile(unit, 'utf8')
  return (/^SystemCallFilter=(.*)$/m.exec(text)?.[1] ?? '').split(' ')
}

/** Names that a group allows, groups inside it included. */
function membersOf(group: string): string[] {
  if (!group.startsWith('@')) return [group]
  const { stdout } = Bun.spawnSync(['systemd-analyze', 'syscall-filter', group])
  const lines = stdout.toString().split('\n').slice(1)
  const names = lines.map((line) => line.trim()).filter((line) => /^@?\w[\w-]*$/.test(line))
  return names.flatMap((name) => (name === group ? [] : membersOf(name)))
}

describe.skipIf(!canTrace)(`${title}os-agent.service`, () => {
  test('allows every system call of an upgrade and of the programs it runs', async () => {
    const trace = path.join(folder, 'trace')
    const argv = [process.execPath, path.join(import.meta.dir, 'traced-agent.ts'), folder]
    const agent = Bun.spawn(['strace', '-f', '-c', '-U', 'name', '-o', trace, ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const answers = await new Response(agent.stdout).text()
    expect(await agent.exited).toBe(0)
    // What is traced is an upgrade that went well.
    for (const word of ['UpgradeReady', 'Configured', '"state":"verified"', 'Upgraded'])
      expect(answers).toContain(word)
    const called = (await fs.readFile(trace, 'utf8'))
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => /^\w+$/.test(line) && line !== 'syscall' && line !== 'total')
    expect(called).toEqual(expect.arrayContaining(['fsync', 'mount', 'umount2', 'flock', 'execve']))
    const allowed = new Set((await filterOf(UNIT)).flatMap(membersOf))
    expect(called.filter((name) => !allowed.has(name))).toEqual([])
    // Of the hard reboot and of reading past the cache, which a test does not do to its machine.
    for (const name of ['reboot', 'ioctl', 'pread64', 'pwrite64', 'fadvise64', 'setns', 'unshare'])
      expect(allowed).toContain(name)
  })
})
