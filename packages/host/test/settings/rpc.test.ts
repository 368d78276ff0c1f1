// Settings over the agent's socket: the documented configure with our extra members, plan, drift,
// undo, and what status tells; also of an agent that was killed in the middle.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import path from 'node:path'
import type { AgentStatus } from '@kubenest/api/agent/rpc'
import { systemClock } from '@kubenest/base/clock'
import { silentLogger } from '@kubenest/base/log'
import { serveAgent } from '../../src/agent/serve-agent.ts'
import { createSettingsStore } from '../../src/agent/settings/settings-store.ts'
import { until } from '../agent/fake-clock.ts'
import { createFakeEngine } from '../agent/fake-engine.ts'
import { ask } from '../agent/raw-client.ts'
import { createScene, entry, KUBELET, KUBELET_TEXT, type Scene } from './scene.ts'

setDefaultTimeout(60_000)

let scene: Scene
let socketPath: string
let ends: (() => Promise<void>)[]
beforeEach(async () => {
  scene = await createScene()
  socketPath = path.join(scene.root, 'agent.sock')
  ends = []
})
afterEach(async () => {
  for (const end of ends) await end()
  await scene.remove()
})

/** Services are watched for seconds: here for milliseconds. */
const hasty = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * 1000,
  sleep: (delayMs: number) => systemClock.sleep(delayMs / 1000),
}

async function start(): Promise<void> {
  const abort = new AbortController()
  let isServing = false
  const served = serveAgent({
    engine: createFakeEngine(),
    socketPath,
    sysroot: scene.deps.sysroot,
    clock: hasty,
    exec: scene.deps.exec,
    log: { ...silentLogger, info: (message) => (isServing ||= message === 'serving') },
    auditLog: silentLogger,
    env: {},
    stop: abort.signal,
    ownerUid: scene.deps.ownerUid,
  })
  ends.push(async () => {
    abort.abort()
    await served
  })
  await until(() => isServing)
}

function call(method: string, params: readonly unknown[] = []): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params, id: 1 })
}

const REQUEST = { configs: [entry('kubernetes.kubelet', { port: 10250 })], operation_id: 'o' }

describe('settings over the socket', () => {
  test('plan, configure, drift, status and undo', async () => {
    await start()
    expect(await ask(socketPath, call('plan', [REQUEST]))).toMatchObject({
      result: { changes: [{ path: `/${KUBELET}` }], waitsFor: ['kubelet.service'] },
    })
    expect(await scene.read(KUBELET)).toBe(KUBELET_TEXT)
    expect(await ask(socketPath, call('configure', [REQUEST]))).toMatchObject({
      result: { status: 'Configured' },
    })
    expect(await scene.read(KUBELET)).toContain('port: 10250')
    await scene.write(KUBELET, 'port: 1\n')
    expect(await ask(socketPath, call('drift', []))).toMatchObject({
      result: { watched: 1, drift: [{ key: 'port', kind: 'changed' }] },
    })
    const { result } = (await ask(socketPath, call('status'))) as { result: AgentStatus }
    expect(result.settings).toMatchObject({
      canUndo: true,
      driftCount: 1,
      waiting: [{ target: 'kubelet.service', paths: [`/${KUBELET}`] }],
    })
    expect(result.features?.settings).toContain('container.containerd')
    await scene.write(KUBELET, KUBELET_TEXT.replace('10255', '10250'))
    expect(await ask(socketPath, call('undo', [{ restart: true }]))).toMatchObject({
      result: { status: 'Undone', paths: [`/${KUBELET}`], waitsFor: [] },
    })
    expect(await scene.read(KUBELET)).toBe(KUBELET_TEXT)
    expect(scene.restarts).toEqual(['kubelet.service'])
  })

  test('tells what is refused with the kind and code, and nothing of settings before the first', async () => {
    await start()
    const { result } = (await ask(socketPath, call('status'))) as { result: AgentStatus }
    expect(result.settings).toBeUndefined()
    const bad = { configs: [entry('grub.cmdline.next', { init: '/bin/sh' })] }
    for (const method of ['plan', 'configure'])
      expect(await ask(socketPath, call(method, [bad]))).toMatchObject({
        error: {
          code: -1,
          message: expect.stringContaining('[invalid/kernel-word-denied]') as string,
        },
      })
    expect(await ask(socketPath, call('undo', []))).toMatchObject({
      error: { message: expect.stringContaining('[blocked/nothing-to-undo]') as string },
    })
    for (const params of [[{ ...REQUEST, restart: 'yes' }], [{ ...REQUEST, operation_id: 1 }]])
      expect(await ask(socketPath, call('configure', params))).toMatchObject({
        error: { code: -32602 },
      })
  })

  test('a start takes back what a killed agent has left', async () => {
    await scene.settings.configure(REQUEST)
    const store = createSettingsStore(scene.deps)
    const record = await store.read()
    if (record.last === undefined) throw new Error('nothing was applied')
    await store.write({ ...record, open: record.last })
    await start()
    expect(await scene.read(KUBELET)).toBe(KUBELET_TEXT)
  })
})
