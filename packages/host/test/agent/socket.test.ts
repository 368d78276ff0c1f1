// The agent's socket as peers meet it (contract 4.1 to 4.3), with a held engine instead of disks.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import type { AgentStatus } from '@kubenest/api/agent/rpc'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { serveAgent } from '../../src/agent/serve-agent.ts'
import { faultOf } from './fault-of.ts'
import { until } from './fake-clock.ts'
import { prepareRequest, type FakeEngine } from './fake-engine.ts'
import { ask, call, connectRaw } from './raw-client.ts'
import { createSocketScene, modeOf, type SocketScene } from './socket-scene.ts'

// Machines under load are slow; a hang still ends.
setDefaultTimeout(60_000)

let scene: SocketScene
let folder: string
let socketPath: string
let engine: FakeEngine

beforeEach(() => {
  scene = createSocketScene()
  ;({ folder, socketPath, engine } = scene)
})

afterEach(() => scene.close())

async function statusOf(): Promise<AgentStatus> {
  const { result } = (await ask(socketPath, call('status'))) as { result: AgentStatus }
  return result
}

describe('serveAgent()', () => {
  test('makes the folder 0750, the socket 0640, and recovers before it serves', async () => {
    await scene.start()
    expect(modeOf(path.dirname(socketPath))).toBe(0o750)
    expect(modeOf(socketPath)).toBe(0o640)
    expect(engine.calls).toEqual(['recover'])
  })

  test('makes one level of folders only', async () => {
    const deep = path.join(folder, 'a', 'b', 'os-agent.sock')
    expect(await faultOf(scene.start(deep))).toMatchObject({ code: 'socket-folder-failed' })
  })

  test('removes its socket when it stops, and a second start works', async () => {
    await scene.start()
    await scene.stopAll()
    expect(modeOf(socketPath)).toBeUndefined()
    await scene.start()
    expect(await ask(socketPath, call('nothing'))).toMatchObject({ error: { code: -32601 } })
  })

  test('takes over a stale socket of a killed agent', async () => {
    mkdirSync(path.dirname(socketPath))
    const script = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`
    await Bun.spawn([process.execPath, '-e', script]).exited
    expect(modeOf(socketPath)).toBeDefined()
    await scene.start()
    expect(await ask(socketPath, call('cancel'))).toMatchObject({ result: { status: 'Cancelled' } })
  })

  test('refuses a socket that another program serves, and leaves it alone', async () => {
    mkdirSync(path.dirname(socketPath))
    const other = createServer((socket) => socket.end()).listen(socketPath)
    await until(() => modeOf(socketPath) !== undefined)
    expect(await faultOf(scene.start())).toMatchObject({ kind: 'blocked', code: 'socket-taken' })
    expect(modeOf(socketPath)).toBeDefined()
    other.close()
  })

  test('refuses a second agent', async () => {
    await scene.start()
    expect(await faultOf(scene.start())).toMatchObject({ code: 'socket-taken' })
    expect(await ask(socketPath, call('cancel'))).toMatchObject({ result: { status: 'Cancelled' } })
  })

  test('refuses a second agent while the first one still recovers and does not listen yet', async () => {
    const recovery = Promise.withResolvers<void>()
    engine.recovery = recovery.promise
    const first = scene.start()
    await until(() => engine.calls.includes('recover'))
    expect(await faultOf(scene.start())).toMatchObject({ kind: 'blocked', code: 'socket-taken' })
    expect(engine.calls).toEqual(['recover'])
    recovery.resolve()
    await first
  })

  test('never removes a path that is not a socket', async () => {
    mkdirSync(path.dirname(socketPath))
    writeFileSync(socketPath, 'precious')
    expect(await faultOf(scene.start())).toMatchObject({ code: 'socket-taken' })
    expect(await Bun.file(socketPath).text()).toBe('precious')
  })

  test('serves only the given user', async () => {
    const abort = new AbortController()
    const served = serveAgent({
      engine,
      socketPath,
      sysroot: createSysRoot(folder),
      clock: scene.clock,
      exec: systemExec,
      log: silentLogger,
      auditLog: silentLogger,
      env: {},
      stop: abort.signal,
      ownerUid: 54_321,
    })
    // The socket's owner can be given away by root only; else the start fails, which serves nobody
    // either.
    const refused = await until(() => modeOf(socketPath) === 0o640, 1000).then(
      async () => await ask(socketPath, call('cancel')),
      () => undefined,
    )
    expect(refused).toBeUndefined()
    abort.abort()
    await served.catch(() => undefined)
  })
})

describe('the socket', () => {
  test('answers each documented method with its word', async () => {
    await scene.start()
    const word = (id: number, status: string) => ({ jsonrpc: '2.0', result: { status }, id })
    expect(await ask(socketPath, prepareRequest(1))).toEqual(word(1, 'UpgradeReady'))
    const configure = call('configure', 2, [{ configs: [] }])
    expect(await ask(socketPath, configure)).toEqual(word(2, 'Configured'))
    expect(await ask(socketPath, call('upgrade', 3, []))).toEqual(word(3, 'Upgraded'))
    await scene.stopAll()
    await scene.start()
    expect(await ask(socketPath, call('rollback', 4))).toEqual(word(4, 'Rollbacked'))
    await until(() => engine.calls.filter((each) => each === 'reboot').length === 2)
  })

  test('answers two requests without separator in order, and reads one that is split anywhere', async () => {
    await scene.start()
    const both = await connectRaw(socketPath)
    await both.write(call('nothing', 'a') + call('nothing', 'b'))
    expect([await both.line(), await both.line()]).toMatchObject([{ id: 'a' }, { id: 'b' }])
    const text = call('a"]\\"}[{', 'split')
    for (const character of text) await both.write(character)
    expect(await both.line()).toEqual({
      jsonrpc: '2.0',
      error: { code: -32601, message: 'Method not found' },
      id: 'split',
    })
    both.close()
  })

  test('answers a client that closed its writing side', async () => {
    await scene.start()
    const release = engine.hold()
    const client = await connectRaw(socketPath)
    client.socket.end(prepareRequest(5))
    await until(() => engine.calls.includes('prepare KubeNest v2'))
    release()
    expect(await client.line()).toMatchObject({ id: 5, result: { status: 'UpgradeReady' } })
    expect(await client.line()).toBeUndefined()
  })

  test('refuses a second body at once and says what runs; tells bad requests meanwhile', async () => {
    await scene.start()
    const release = engine.hold()
    const first = await connectRaw(socketPath)
    await first.write(prepareRequest(1))
    await until(() => engine.calls.includes('prepare KubeNest v2'))
    const busy = (await ask(socketPath, prepareRequest(2))) as { error: { message: string } }
    expect(busy).toMatchObject({ error: { code: -1 }, id: 2 })
    expect(busy.error.message).toStartWith('[blocked/busy] Cannot start prepare: the agent is busy')
    for (const method of ['upgrade', 'rollback'])
      expect(await ask(socketPath, call(method, 3))).toMatchObject({ error: { code: -1 } })
    expect(await ask(socketPath, call('prepare_upgrade', 4, [{}]))).toMatchObject({
      error: { code: -32602, message: 'Invalid params: member "certs" is missing' },
    })
    expect(await ask(socketPath, call('nothing', 5))).toMatchObject({ error: { code: -32601 } })
    release()
    expect(await first.line()).toMatchObject({ result: { status: 'UpgradeReady' }, id: 1 })
    first.close()
  })

  test('tells status while busy, with progress, and afterwards how it ended', async () => {
    await scene.start()
    const release = engine.hold()
    const first = await connectRaw(socketPath)
    await first.write(prepareRequest(1, 'refused'))
    await until(() => engine.calls.includes('prepare refused'))
    expect(await ask(socketPath, call('status'))).toMatchObject({
      result: {
        bootId: 'boot',
        capabilities: ['status', 'cancel', 'report', 'trial'],
        features: {
          methods: expect.arrayContaining(['prepare_upgrade', 'status']) as string[],
          sources: expect.arrayContaining(['disk']) as string[],
          settings: expect.arrayContaining(['kernel.sysctl']) as string[],
        },
        operation: { type: 'prepare', running: true, phase: 'Writing', bytesDone: 5, attempt: 1 },
      },
    })
    release()
    const message =
      '[integrity/image-digest-mismatch] Cannot use the image: its digest differs\nwanted a\ngot b'
    expect(await first.line()).toEqual({ jsonrpc: '2.0', error: { code: -1, message }, id: 1 })
    expect(await ask(socketPath, call('status'))).toMatchObject({
      result: { operation: { running: false, phase: 'Failed', lastError: message } },
    })
    first.close()
  })

  test('tells the last failure after a restart, and an operation that its agent did not end', async () => {
    await scene.start()
    await ask(socketPath, prepareRequest(1, 'refused'))
    const before = (await statusOf()).operation
    expect(before?.lastError).toStartWith('[integrity/image-digest-mismatch] Cannot use the image')
    await scene.stopAll()
    await scene.start()
    expect((await statusOf()).operation).toEqual(before)
    await scene.stopAll()
    const file = path.join(folder, 'run/kubenest/operation')
    writeFileSync(file, JSON.stringify({ ...before, type: 'prepare', running: true }))
    await scene.start()
    const cut = (await statusOf()).operation
    expect(cut?.running).toBe(false)
    expect(cut?.lastError).toStartWith('[transient/agent-ended] Cannot finish prepare')
  })

  test('goes on with an operation whose client went away', async () => {
    await scene.start()
    const release = engine.hold()
    const first = await connectRaw(socketPath)
    await first.write(prepareRequest(1))
    await until(() => engine.calls.includes('prepare KubeNest v2'))
    first.close()
    expect(await ask(socketPath, call('status'))).toMatchObject({
      result: { operation: { running: true } },
    })
    release()
    await until(() => engine.calls.includes('prepared KubeNest v2'))
  })

  test('reboots even when the client of upgrade did not wait for the answer', async () => {
    await scene.start()
    const client = await connectRaw(socketPath)
    await client.write(call('upgrade', 1))
    client.close()
    await until(() => engine.calls.includes('reboot'))
  })

  test('cancels a prepare, and refuses to cancel once a slot is armed', async () => {
    await scene.start()
    engine.hold()
    const first = await connectRaw(socketPath)
    await first.write(prepareRequest(1))
    await until(() => engine.calls.includes('prepare KubeNest v2'))
    expect(await ask(socketPath, call('cancel'))).toMatchObject({ result: { status: 'Cancelled' } })
    expect(await first.line()).toMatchObject({
      error: { message: '[blocked/cancelled] Cannot finish the preparation: it was cancelled' },
    })
    await ask(socketPath, call('upgrade', 2))
    await until(() => engine.calls.includes('reboot'))
    expect(await ask(socketPath, call('cancel'))).toMatchObject({
      error: { code: -1, message: expect.stringContaining('[blocked/not-cancellable]') as string },
    })
    first.close()
  })

  test('stays busy between arming and reboot, and is free again when the reboot fails', async () => {
    await scene.start()
    await ask(socketPath, call('upgrade', 1))
    expect(await ask(socketPath, prepareRequest(2))).toMatchObject({ error: { code: -1 } })
    await scene.stopAll()
    engine.rebootFault = new Error('no')
    await scene.start()
    await ask(socketPath, call('upgrade', 1))
    await until(async () => 'result' in ((await ask(socketPath, prepareRequest(2))) as object))
  })

  test('tells slots, also while an operation runs', async () => {
    await scene.start()
    const release = engine.hold()
    const first = await connectRaw(socketPath)
    await first.write(prepareRequest(1))
    await until(() => engine.calls.includes('prepare KubeNest v2'))
    expect(await ask(socketPath, call('slots'))).toMatchObject({ result: { slots: [] } })
    expect(await ask(socketPath, call('slots', 2, [1]))).toMatchObject({ error: { code: -32602 } })
    release()
    first.close()
  })

  test('keeps report for the engine', async () => {
    await scene.start()
    await ask(socketPath, call('report', 1, [{ ready: false, reason: 'KubeletStopped', x: 1 }]))
    expect(engine.calls).toContain('report {"ready":false,"reason":"KubeletStopped"}')
  })

  test('audits each accepted operation with who asked for what, and no contents', async () => {
    await scene.start()
    await ask(socketPath, prepareRequest(1, 'KubeNest v2', { operation_id: 'op-1' }))
    const secret = { model: 'kernel.sysctl', config_path: '', contents: {} }
    await ask(socketPath, call('configure', 2, [{ configs: [secret] }]))
    await ask(socketPath, call('prepare_upgrade', 3, [{}]))
    expect(scene.audited).toMatchObject([
      {
        event: 'accepted',
        type: 'prepare',
        operation: 'op-1',
        version: 'KubeNest v2',
        digest: 'ab'.repeat(32),
        uid: process.getuid?.() ?? 0,
        pid: process.pid,
        cgroup: expect.stringMatching(/^\//) as string,
      },
      { type: 'configure', digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    ])
    expect(scene.audited).toHaveLength(2)
  })

  test('passes the extras of our own proxy on', async () => {
    await scene.start()
    const request = JSON.parse(prepareRequest(1)) as { params: object[] }
    Object.assign(request.params[0] ?? {}, {
      operation_id: 'op-7',
      attempt: 't',
      health: { policy: 'Local', deadlineSeconds: 60 },
      unknown: true,
    })
    await ask(socketPath, JSON.stringify(request))
    expect(engine.lastPrepare).toMatchObject({
      operation_id: 'op-7',
      attempt: 't',
      health: { policy: 'Local', deadlineSeconds: 60 },
    })
    expect(engine.lastPrepare).not.toHaveProperty('unknown')
    expect(await ask(socketPath, call('status'))).toMatchObject({
      result: { operation: { id: 'op-7' } },
    })
  })

  test('answers nested garbage, a message of 2 MiB and bytes that are no JSON, and serves the next', async () => {
    await scene.start()
    const parseError = { jsonrpc: '2.0', error: { code: -32700, message: 'Parse error' }, id: null }
    expect(await ask(socketPath, '['.repeat(100_000))).toEqual(parseError)
    expect(await ask(socketPath, `["${'x'.repeat(2 * 1024 * 1024)}"]`)).toEqual(parseError)
    expect(await ask(socketPath, 'GET / HTTP/1.1\r\n')).toEqual(parseError)
    expect(await ask(socketPath, Uint8Array.of(0, 255, 254))).toEqual(parseError)
    expect(await ask(socketPath, call('nothing', 6))).toMatchObject({ id: 6 })
  })

  test('closes a client that completes no value within 10 s, also when it drips', async () => {
    await scene.start()
    const silent = await connectRaw(socketPath)
    const dripping = await connectRaw(socketPath)
    await dripping.write('{')
    await ask(socketPath, call('nothing'))
    await scene.clock.advance(9000)
    await dripping.write(' ')
    await ask(socketPath, call('nothing'))
    await scene.clock.advance(1001)
    expect([await silent.line(), await dripping.line()]).toEqual([undefined, undefined])
  })

  test('serves a new client beside a flood of silent ones', async () => {
    await scene.start()
    const flood = await Promise.all(Array.from({ length: 40 }, () => connectRaw(socketPath)))
    expect(await ask(socketPath, call('nothing', 7))).toMatchObject({ id: 7 })
    await until(
      () =>
        flood.filter((client) => client.socket.destroyed || client.socket.readableEnded).length >=
        24,
    )
    for (const client of flood) client.close()
  })

  test('ends a running prepare and its connections when it is stopped', async () => {
    await scene.start()
    engine.hold()
    const client = await connectRaw(socketPath)
    await client.write(prepareRequest(1))
    await until(() => engine.calls.includes('prepare KubeNest v2'))
    await scene.stopAll()
    expect(engine.calls).not.toContain('prepared KubeNest v2')
    client.close()
  })
})
