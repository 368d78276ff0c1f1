// The controller loop, events and lease election on the fakes.
import { describe, expect, test } from 'bun:test'
import { type ErrorKind, OsError } from '@kubenest/base/errors'
import { type Logger, silentLogger } from '@kubenest/base/log'
import { EVENTS, LEASES } from '@kubenest/kube/client/resources'
import { createController } from '@kubenest/kube/controller/controller'
import { createEventRecorder } from '@kubenest/kube/controller/events'
import { runWithLease } from '@kubenest/kube/leader-election/lease-election'
import { FakeApiServer } from '../src/fakes/fake-api-server.ts'
import { FakeClock } from '../src/fakes/fake-clock.ts'
import { documentedRules, type FakeRules } from '../src/fakes/fake-rbac.ts'

describe('createController()', () => {
  async function runsIn(ms: number, kind: ErrorKind, retryAfterMs?: number) {
    const clock = new FakeClock()
    const lines: string[] = []
    const log: Logger = { ...silentLogger, log: (level) => void lines.push(level) }
    let runs = 0
    const controller = createController({
      name: 'test',
      clock,
      log,
      queue: { backOffMinMs: 1_000, backOffMaxMs: 60_000, random: () => 1 },
      reconcile: async () => {
        runs += 1
        const wait = retryAfterMs === undefined ? {} : { retryAfterMs }
        throw new OsError(kind, { code: 'x', message: 'Cannot x: y', ...wait })
      },
    })
    const stop = new AbortController()
    let ended: unknown
    const running = controller.run(stop.signal).then(
      () => (ended = 'stopped'),
      (error: unknown) => (ended = error),
    )
    controller.queue.add('a')
    await clock.advance(ms)
    const endedEarly = ended
    stop.abort()
    await running
    return { runs, lines, endedEarly }
  }

  const rows: readonly (readonly [ErrorKind, number | undefined, number])[] = [
    ['invalid', undefined, 1],
    ['integrity', undefined, 1],
    // 0, 30, 60, 90 s
    ['blocked', undefined, 4],
    ['blocked', 10_000, 10],
    // 0, 1, 3, 7, 15, 31, 63 s
    ['transient', undefined, 7],
    ['transient', 20_000, 5],
    ['host', undefined, 7],
  ]
  for (const [kind, retryAfterMs, runs] of rows)
    test(`repeats ${kind} ${retryAfterMs ?? ''}: ${runs} runs in 99 s`, async () => {
      expect((await runsIn(99_000, kind, retryAfterMs)).runs).toBe(runs)
    })

  test('warns once in a run of transient failures', async () => {
    expect((await runsIn(99_000, 'transient')).lines).toEqual(['warn'])
  })

  test('ends with a bug', async () => {
    const { runs, endedEarly } = await runsIn(99_000, 'bug')
    expect(runs).toBe(1)
    expect(endedEarly).toBeInstanceOf(OsError)
  })

  test('requeues after the wished time, and waits for work under way when stopped', async () => {
    const clock = new FakeClock()
    const times: number[] = []
    const controller = createController({
      name: 'test',
      clock,
      log: silentLogger,
      reconcile: async () => {
        times.push(clock.monotonicMs())
        await clock.sleep(100)
        return { requeueAfterMs: 900 }
      },
    })
    const stop = new AbortController()
    let isDone = false
    void controller.run(stop.signal).then(() => (isDone = true))
    controller.queue.add('a')
    await clock.advance(2_050)
    expect(times).toEqual([0, 1_000, 2_000])
    stop.abort()
    await clock.settle()
    expect(isDone).toBe(false)
    await clock.advance(100)
    expect(isDone).toBe(true)
    expect(clock.pending).toBe(0)
  })
})

describe('createEventRecorder()', () => {
  const object = { kind: 'OS', metadata: { name: 'os', namespace: 'team', uid: 'u' } }
  const text = { type: 'Normal', reason: 'Started', message: 'm' } as const

  test('writes beside the object, once in five minutes', async () => {
    const clock = new FakeClock()
    const server = new FakeApiServer({ clock })
    const client = server.client()
    const recorder = createEventRecorder({ client, clock, log: silentLogger, component: 'c' })
    recorder.record(object, text)
    recorder.record(object, text)
    recorder.record(object, { ...text, message: 'n' })
    await recorder.flush()
    const { items } = await client.list(EVENTS, { namespace: 'team' })
    expect(items.map((event) => event.message).sort()).toEqual(['m', 'n'])
    await clock.advance(300_000)
    recorder.record(object, text)
    await recorder.flush()
    expect(server.store.list('/events')).toHaveLength(3)
  })

  test('pauses after the first refusal and says so once', async () => {
    const clock = new FakeClock()
    let asked = 0
    const server = new FakeApiServer({ clock, fault: () => ((asked += 1), 'none') })
    const client = server.client({ name: 'operator', rules: documentedRules })
    const said: string[] = []
    const log: Logger = { ...silentLogger, info: (message) => void said.push(message) }
    const recorder = createEventRecorder({ client, clock, log, component: 'c' })
    for (const message of ['a', 'b', 'c']) {
      recorder.record(object, { ...text, message })
      await recorder.flush()
    }
    expect(asked).toBe(1)
    expect(said).toHaveLength(1)
  })

  test('tries again after a while: a refusal may have been the start of an API server', async () => {
    const clock = new FakeClock()
    let mayWrite = false
    const server = new FakeApiServer({ clock })
    const client = server.client({ name: 'operator', rules: () => mayWrite })
    const recorder = createEventRecorder({ client, clock, log: silentLogger, component: 'c' })
    const tell = async () => {
      recorder.record(object, text)
      await recorder.flush()
      return server.store.list('/events').length
    }
    expect(await tell()).toBe(0)
    mayWrite = true
    await clock.advance(599_000)
    expect(await tell()).toBe(0)
    await clock.advance(1_000)
    expect(await tell()).toBe(1)
  })
})

describe('runWithLease()', () => {
  function setUp() {
    const clock = new FakeClock()
    const broken = new Set<string>()
    const slow = new Set<string>()
    const server = new FakeApiServer({
      clock,
      delayMs: ({ identity }) => (slow.has(identity) ? 30_000 : 0),
      fault: ({ identity }) => (broken.has(identity) ? 'fail-before' : 'none'),
    })
    const leading: string[] = []
    const events: string[] = []
    const candidate = (identity: string, rules?: FakeRules) => {
      const stop = new AbortController()
      const client = server.client({ name: identity, ...(rules && { rules }) })
      const lead = async (signal: AbortSignal) => {
        leading.push(identity)
        events.push(`+${identity}`)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        leading.splice(leading.indexOf(identity), 1)
        events.push(`-${identity}`)
      }
      const lease = { namespace: 'default', name: 'operator' }
      const options = { client, clock, log: silentLogger, lease, identity }
      const ended = runWithLease(options, lead, stop.signal)
      return { stop, ended }
    }
    return { clock, server, leading, events, candidate, broken, slow }
  }

  test('lets one lead, and the next one in soon after an orderly end', async () => {
    const s = setUp()
    const first = s.candidate('a')
    s.candidate('b')
    await s.clock.advance(60_000)
    expect(s.events).toEqual(['+a'])
    first.stop.abort()
    await first.ended
    await s.clock.advance(2_000)
    expect(s.events).toEqual(['+a', '-a', '+b'])
  })

  test('ends the leader before another one may begin when it cannot renew', async () => {
    const s = setUp()
    s.candidate('a')
    s.candidate('b')
    await s.clock.advance(30_000)
    s.broken.add('a')
    await s.clock.advance(30_000)
    expect(s.events).toEqual(['+a', '-a', '+b'])
    s.broken.delete('a')
    await s.clock.advance(30_000)
    expect(s.leading).toEqual(['b'])
  })

  test('ends within seconds when the lease cannot be released', async () => {
    const s = setUp()
    const first = s.candidate('a')
    await s.clock.settle()
    s.slow.add('a')
    let isDone = false
    void first.ended.then(() => (isDone = true))
    first.stop.abort()
    await s.clock.advance(2_000)
    expect(isDone).toBe(true)
  })

  test('counts lease transitions and writes times with six digits', async () => {
    const s = setUp()
    const first = s.candidate('a')
    await s.clock.settle()
    first.stop.abort()
    await first.ended
    s.candidate('b')
    await s.clock.settle()
    const lease = await s.server.client().get(LEASES, { namespace: 'default', name: 'operator' })
    expect(lease?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 })
    expect(lease?.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  })

  test('runs without a lease where leases are forbidden', async () => {
    const s = setUp()
    s.candidate('a', documentedRules)
    s.candidate('b', documentedRules)
    await s.clock.advance(10_000)
    expect(s.leading.sort()).toEqual(['a', 'b'])
  })

  test('comes back under election when leases are allowed later', async () => {
    const s = setUp()
    let isAllowed = false
    s.candidate('a', () => isAllowed)
    s.candidate('b', () => isAllowed)
    await s.clock.advance(10_000)
    isAllowed = true
    await s.clock.advance(280_000)
    expect(s.leading.sort()).toEqual(['a', 'b'])
    await s.clock.advance(20_000)
    expect(s.leading).toHaveLength(1)
  })
})
