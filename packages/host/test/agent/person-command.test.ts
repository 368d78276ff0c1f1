// Commands of a person against a node of files and a served socket: answers, exit codes, and what
// is told when the agent is busy or away.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemClock } from '@kubenest/base/clock'
import { exitCodeOf, toOsError } from '@kubenest/base/errors'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { parseAgentCommand, type PersonCommand } from '../../src/agent/command-line.ts'
import { runPersonCommand } from '../../src/agent/person/run-person-command.ts'
import { serveAgent } from '../../src/agent/serve-agent.ts'
import { forAPerson } from '../../src/for-a-person.ts'
import { createFakeNode, type FakeNode } from '../engine/fake-node.ts'
import { createFakeEngine, prepareRequest, type FakeEngine } from './fake-engine.ts'
import { until } from './fake-clock.ts'
import { connectRaw } from './raw-client.ts'

// Machines under load are slow; a hang still ends.
setDefaultTimeout(60_000)

let folder: string
let socketPath: string
let engine: FakeEngine
let node: FakeNode
let audited: unknown[]
let ends: (() => Promise<void>)[]

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'person-command-'))
  socketPath = path.join(folder, 'run', 'os-agent.sock')
  engine = createFakeEngine()
  audited = []
  ends = []
})

afterEach(async () => {
  for (const end of ends) await end()
  await fs.rm(folder, { recursive: true })
})

async function serve(): Promise<void> {
  const abort = new AbortController()
  const served = serveAgent({
    engine,
    socketPath,
    sysroot: createSysRoot(folder),
    clock: systemClock,
    exec: systemExec,
    log: silentLogger,
    auditLog: silentLogger,
    env: {},
    stop: abort.signal,
    ownerUid: process.getuid?.() ?? 0,
  })
  ends.push(async () => {
    abort.abort()
    await served
  })
  await until(async () => {
    const client = await connectRaw(socketPath).catch(() => undefined)
    client?.close()
    return client !== undefined
  })
}

async function run(...argv: string[]) {
  let stdout = ''
  let stderr = ''
  const deps = {
    socketPath,
    clock: systemClock,
    stdout: (text: string) => void (stdout += text),
    stop: new AbortController().signal,
    engine: async () => node.deps,
    audit: { accepted: (_: unknown, operation: unknown) => void audited.push(operation) },
    caller: { pid: 1, uid: 0 },
  }
  const command = parseAgentCommand(argv) as PersonCommand
  const exitCode = await forAPerson({ stderr: (text) => void (stderr += text) }, () =>
    runPersonCommand(deps, command),
  )
  return { stdout, stderr, exitCode }
}

describe('runPersonCommand()', () => {
  test('shows status as a table and as JSON, with foreign escape sequences made harmless', async () => {
    const describeNode = engine.describe.bind(engine)
    engine.describe = async () => ({ ...(await describeNode()), osVersion: 'v1\u001b[2J\u202e' })
    await serve()
    const table = await run('status')
    expect(table.stdout).toContain('v1\\u001b[2J\\u202e')
    expect(table.exitCode).toBe(0)
    const { stdout } = await run('status', '-o', 'json')
    expect(stdout).not.toContain('\u001b')
    expect(JSON.parse(stdout)).toMatchObject({ bootId: 'boot', osVersion: 'v1\u001b[2J\u202e' })
  })

  test('asks the agent to roll back, and tells when it is busy with the right exit code', async () => {
    await serve()
    const release = engine.hold()
    const client = await connectRaw(socketPath)
    await client.write(prepareRequest(1))
    await until(() => engine.calls.includes('prepare KubeNest v2'))
    const busy = await run('rollback')
    expect(busy.stderr).toContain('the agent is busy with prepare')
    expect(busy.stderr).toEndWith('[blocked/busy]\n')
    expect(busy.exitCode).toBe(75)
    expect(await run('cancel')).toMatchObject({ exitCode: 0, stderr: '' })
    release()
    client.close()
    const done = await run('rollback')
    expect(done).toMatchObject({ exitCode: 0, stderr: '' })
    expect(done.stdout).toContain('the node reboots now')
    await until(() => engine.calls.includes('reboot'))
  })

  test('says where to look when the agent is away', async () => {
    const { stderr, exitCode, stdout } = await run('status')
    expect(stderr).toContain('look at systemctl status os-agent.socket os-agent.service')
    expect(stdout).toBe('')
    expect(exitCode).toBe(75)
  })

  test('looks at slots without the agent', async () => {
    node = await createFakeNode(folder)
    await node.engine.recover()
    const { stdout } = await run('slots', '-o', 'json')
    expect(JSON.parse(stdout)).toMatchObject({
      slots: [{ name: 'A', booted: true, isSaved: true }, { name: 'B' }],
    })
    expect((await run('slots')).stdout).toStartWith('Slot A (running)\n')
  })

  test('ends verify with 65 when a slot differs from its record', async () => {
    node = await createFakeNode(folder)
    await node.engine.recover()
    await until(() => !node.engine.hasBackgroundWork())
    expect(await run('verify')).toMatchObject({ exitCode: 0 })
    const { slots } = JSON.parse((await run('slots', '-o', 'json')).stdout) as {
      slots: { device: string }[]
    }
    const file = await fs.open(slots[0]?.device ?? '', 'r+')
    await file.write(new Uint8Array([7, 7]), 0, 2, 200_000)
    await file.close()
    const differs = await run('verify')
    expect(differs.stdout).toContain('Slot A is not what was written to it')
    expect(differs.exitCode).toBe(65)
  })

  test('audits what a person does on the node itself, and refuses an image that never failed', async () => {
    node = await createFakeNode(folder)
    await node.engine.recover()
    expect((await run('mark-good')).stdout).toContain('Slot A is kept already')
    const digest = 'e'.repeat(64)
    const refused = await run('allow', digest, 'v9')
    expect(refused.stderr).toEndWith('[invalid/image-not-failed]\n')
    expect(refused.exitCode).toBe(64)
    expect(audited).toEqual([{ type: 'mark-good' }, { type: 'allow', digest, version: 'v9' }])
  })

  test('tells that a settings file is missing or broken before it asks anybody', async () => {
    const missing = await run('plan', path.join(folder, 'none.yaml'))
    expect(missing).toMatchObject({ exitCode: 78, stdout: '' })
    expect(missing.stderr).toContain('does not exist')
    await fs.writeFile(path.join(folder, 'os.yaml'), 'spec: {}')
    expect((await run('plan', path.join(folder, 'os.yaml'))).stderr).toContain('no list "configs"')
  })
})

test('forAPerson() gives a defect on, so that it ends with its trace', async () => {
  const caught = await forAPerson({ stderr: () => {} }, () => {
    throw new TypeError('x is undefined')
  }).catch((error: unknown) => toOsError(error))
  expect(caught).toMatchObject({ kind: 'bug' })
  expect(exitCodeOf(toOsError(caught))).toBe(70)
})
