// Programs of health.d: what is run, what is refused, and what their ends mean.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { FileStat } from '@kubenest/base/files'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { checkDropIns, refuseDropIn } from './check-drop-ins.ts'
import type { EngineContext } from './engine-context.ts'

// Many small files, on a machine that does other things, too.
setDefaultTimeout(30_000)

let folder = ''
const uid = process.getuid?.() ?? 0

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'drop-ins-'))
  await fs.mkdir(where(''), { recursive: true, mode: 0o755 })
})
afterEach(() => fs.rm(folder, { recursive: true }))

const where = (name: string) => path.join(folder, 'etc/kubenest/health.d/required', name)

async function put(name: string, body: string, mode = 0o755): Promise<void> {
  await fs.writeFile(where(name), `#!/bin/sh\n${body}\n`, { mode })
  await fs.chmod(where(name), mode)
}

function run(limitMs = 5_000) {
  const context = { sysroot: createSysRoot(folder), exec: systemExec, ownerUid: uid }
  return checkDropIns(context as unknown as EngineContext, 'required', limitMs)
}

describe('checkDropIns()', () => {
  test('checkDropIns() has nothing to say without a folder, or about hidden names', async () => {
    await put('.hidden', 'exit 1')
    expect(await run()).toEqual([])
    await fs.rm(path.dirname(where('')), { recursive: true })
    expect(await run()).toEqual([])
  })

  test('checkDropIns() reads exit codes: 0 is green, 75 is not yet, others are red', async () => {
    await put('10-good', 'exit 0')
    await put('20-late', 'echo starting; exit 75')
    await put('30-bad', 'echo one; echo two >&2; exit 3')
    const results = await run()
    expect(results.map(({ state }) => state)).toEqual(['green', 'pending', 'red'])
    expect(results.map(({ reason }) => reason)).toEqual([
      '',
      'Check /etc/kubenest/health.d/required/20-late exits with 75: starting',
      'Check /etc/kubenest/health.d/required/30-bad exits with 3: one two',
    ])
  })

  test('checkDropIns() ends a program that hangs, with its children, and calls it pending', async () => {
    await put('hang', `sleep 60 & echo $! > ${folder}/child; wait`)
    const [result] = await run(300)
    expect(result?.state).toBe('pending')
    expect(result?.reason).toContain('it ran longer than 300 ms')
    const child = Number(await fs.readFile(`${folder}/child`, 'utf8'))
    expect(await isRunning(child)).toBe(false)
  })

  test('checkDropIns() keeps the end of what was said, on one line, without control characters', async () => {
    await put(
      'loud',
      `i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done
printf 'the \\033[31mend\\033[0m'; exit 1`,
    )
    const reason = (await run())[0]?.reason ?? ''
    expect(reason.length).toBeLessThan(300)
    expect(reason).not.toMatch(/\p{Cc}/u)
    expect(reason).toEndWith('line 2999 the [31mend [0m')
  })

  test('checkDropIns() does not run what anybody may write, and says what to do', async () => {
    await put('open', `touch ${folder}/was-run`, 0o777)
    const [result] = await run()
    expect(result?.state).toBe('red')
    expect(result?.reason).toContain('others may write it (mode 0777); run chmod go-w on it')
    expect(await fs.readdir(folder)).toEqual(['etc'])
  })

  test('checkDropIns() runs nothing from a folder that anybody may write', async () => {
    await put('fine', `touch ${folder}/was-run`)
    await fs.chmod(where(''), 0o777)
    expect((await run()).map(({ state }) => state)).toEqual(['red'])
    await fs.chmod(where(''), 0o755)
    await fs.chmod(path.dirname(where('.')), 0o777)
    expect((await run()).map(({ state }) => state)).toEqual(['red'])
    expect(await fs.readdir(folder)).toEqual(['etc'])
  })

  test('checkDropIns() calls a program that cannot be started red', async () => {
    await fs.writeFile(where('broken'), '#!/no/such/interpreter\n', { mode: 0o755 })
    const [result] = await run()
    expect(result?.state).toBe('red')
    expect(result?.reason).toContain('Cannot run')
  })

  test('checkDropIns() refuses more checks than a look can bear', async () => {
    for (let at = 0; at < 33; at += 1) await put(`c${at}`, 'exit 0')
    expect((await run()).map(({ state }) => state)).toEqual(['red'])
  })
})

async function isRunning(pid: number): Promise<boolean> {
  const status = await fs.readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return status !== '' && !/^State:\s+[ZX]/m.test(status)
}

describe('refuseDropIn()', () => {
  const good: FileStat = { kind: 'file', sizeBytes: 1, mode: 0o755, uid: 0, gid: 0 }
  for (const [what, change, words] of [
    ['a link', { kind: 'link' }, 'not a plain file'],
    ['a folder', { kind: 'directory' }, 'not a plain file'],
    ['another owner', { uid: 1000 }, 'belongs to user 1000'],
    ['a group that may write', { mode: 0o775 }, 'mode 0775'],
    ['anybody who may write', { mode: 0o757 }, 'mode 0757'],
    ['no right to run it', { mode: 0o644 }, 'not executable (mode 0644)'],
  ] as const)
    test(`refuseDropIn() refuses ${what}`, () => {
      expect(refuseDropIn({ ...good, ...change }, 0)).toContain(words)
    })

  test('refuseDropIn() takes a program of root, whatever others may read', () => {
    expect(refuseDropIn(good, 0)).toBeUndefined()
    expect(refuseDropIn({ ...good, mode: 0o500 }, 0)).toBeUndefined()
  })
})
