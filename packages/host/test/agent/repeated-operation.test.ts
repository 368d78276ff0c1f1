// A peer that asks again for what runs already gets its answer, and no second operation (A17).
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { JOINED_MAX } from '../../src/agent/operation-runner.ts'
import { until } from './fake-clock.ts'
import { prepareRequest, type FakeEngine } from './fake-engine.ts'
import { ask, call, connectRaw } from './raw-client.ts'
import { createSocketScene, type SocketScene } from './socket-scene.ts'

// Machines under load are slow; a hang still ends.
setDefaultTimeout(60_000)

let scene: SocketScene
let socketPath: string
let engine: FakeEngine

beforeEach(async () => {
  scene = createSocketScene()
  ;({ socketPath, engine } = scene)
  await scene.start()
})

afterEach(() => scene.close())

describe('an operation that is asked for again', () => {
  test('is joined, and nothing is written twice (A17)', async () => {
    const release = engine.hold()
    const again = prepareRequest(1, 'KubeNest v2', { operation_id: 'op-1' })
    const first = await connectRaw(socketPath)
    await first.write(again)
    await until(() => engine.calls.includes('prepare KubeNest v2'))
    const second = await connectRaw(socketPath)
    await second.write(again.replace('"id":1', '"id":2'))
    const other = prepareRequest(3, 'KubeNest v2', {
      operation_id: 'op-1',
      check_sum: 'cd'.repeat(32),
    })
    expect(await ask(socketPath, other)).toMatchObject({ error: { code: -1 }, id: 3 })
    release()
    const word = { result: { status: 'UpgradeReady' } }
    expect([await first.line(), await second.line()]).toMatchObject([
      { ...word, id: 1 },
      { ...word, id: 2 },
    ])
    expect(engine.calls.filter((each) => each.startsWith('prepare '))).toHaveLength(1)
    first.close()
    second.close()
  })

  test('gives each caller the failure, too', async () => {
    const release = engine.hold()
    const request = prepareRequest(1, 'refused', { operation_id: 'op-1' })
    const first = await connectRaw(socketPath)
    await first.write(request)
    await until(() => engine.calls.includes('prepare refused'))
    const second = await connectRaw(socketPath)
    await second.write(request)
    // Answered in order: once this is refused, the second request was taken.
    await ask(socketPath, prepareRequest(2, 'other'))
    release()
    for (const client of [first, second]) {
      const answer = (await client.line()) as { error: { message: string } }
      expect(answer.error.message).toStartWith('[integrity/image-digest-mismatch]')
      client.close()
    }
  })

  test('lets only a few callers wait', async () => {
    const release = engine.hold()
    const request = prepareRequest(1, 'KubeNest v2', { operation_id: 'op-1' })
    const clients = await Promise.all(
      Array.from({ length: JOINED_MAX + 1 }, () => connectRaw(socketPath)),
    )
    for (const client of clients) await client.write(request)
    await until(() => engine.calls.includes('prepare KubeNest v2'))
    await until(async () => 'error' in ((await ask(socketPath, request)) as object))
    release()
    for (const client of clients) {
      expect(await client.line()).toMatchObject({ result: { status: 'UpgradeReady' } })
      client.close()
    }
  })

  test('is answered between arming and reboot, and reboots once', async () => {
    const request = call('upgrade', 1, [{ operation_id: 'op-2' }])
    expect(await ask(socketPath, request)).toMatchObject({ result: { status: 'Upgraded' } })
    await until(() => engine.calls.includes('reboot'))
    expect(await ask(socketPath, request)).toMatchObject({ result: { status: 'Upgraded' } })
    expect(await ask(socketPath, call('upgrade', 2, [{ operation_id: 'op-3' }]))).toMatchObject({
      error: { code: -1 },
    })
    expect(engine.calls.filter((each) => each === 'activate' || each === 'reboot')).toEqual([
      'activate',
      'reboot',
    ])
  })
})
