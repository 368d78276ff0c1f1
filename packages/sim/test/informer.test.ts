// The informer on the fake API server and the fake clock: it must never go silent, whatever the
// watch does.
import { describe, expect, test } from 'bun:test'
import type { Node } from '@kubenest/api/core/objects'
import { isOsError } from '@kubenest/base/errors'
import { type Logger, silentLogger } from '@kubenest/base/log'
import { LEASES, NODES } from '@kubenest/kube/client/resources'
import { type InformerOptions, createInformer } from '@kubenest/kube/informer/informer'
import { FakeApiServer, type FakeFault } from '../src/fakes/fake-api-server.ts'
import { FakeClock } from '../src/fakes/fake-clock.ts'
import type { FakeRequest } from '../src/fakes/fake-rbac.ts'

const node = (name: string, labels: Record<string, string> = {}): Node => ({
  metadata: { name, labels },
})

function setUp(more: Partial<InformerOptions<Node>> = {}, allow?: (asked: FakeRequest) => boolean) {
  const clock = new FakeClock()
  const asked: FakeRequest[] = []
  const faults: { next: (request: FakeRequest) => FakeFault } = { next: () => 'none' }
  const server = new FakeApiServer({
    clock,
    fault: (request) => {
      asked.push(request)
      return faults.next(request)
    },
  })
  const admin = server.client()
  const informer = createInformer<Node>({
    client: server.client({ name: 'informer', ...(allow === undefined ? {} : { rules: allow }) }),
    clock,
    log: silentLogger,
    resource: NODES,
    random: () => 1,
    ...more,
  })
  const changes: string[] = []
  informer.onChange(({ old, current }) =>
    changes.push(`${old?.metadata.name ?? ''}>${current?.metadata.name ?? ''}`),
  )
  const stop = new AbortController()
  const count = (verb: string) =>
    asked.filter((each) => each.verb === verb && each.identity === 'informer').length
  const names = () =>
    informer.cache
      .list()
      .map((each) => each.metadata.name)
      .sort()
  const start = () => informer.run(stop.signal)
  return { clock, server, admin, informer, changes, stop, count, names, start, faults }
}

function listening(): { said: string[]; log: Logger } {
  const said: string[] = []
  const say = (message: string) => void said.push(message)
  return { said, log: { ...silentLogger, info: say, warn: say, error: say } }
}

describe('createInformer()', () => {
  test('lists in pages, then follows changes', async () => {
    const s = setUp({ pageSize: 2 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) await s.admin.create(NODES, node(name))
    const running = s.start()
    await s.informer.synced
    expect(s.count('list')).toBe(3)
    await s.admin.create(NODES, node('f'))
    await s.admin.delete(NODES, { name: 'a' })
    await s.clock.settle()
    expect(s.names()).toEqual(['b', 'c', 'd', 'e', 'f'])
    expect(s.changes).toEqual(['>a', '>b', '>c', '>d', '>e', '>f', 'a>'])
    s.stop.abort()
    await running
    expect(s.server.openWatches).toBe(0)
  })

  test('resumes a dropped watch from its last version without a list', async () => {
    const s = setUp()
    void s.start()
    await s.informer.synced
    await s.admin.create(NODES, node('before'))
    await s.clock.settle()
    s.server.dropWatches(new Error('connection reset'))
    await s.admin.create(NODES, node('between'))
    await s.clock.advance(250)
    expect(s.names()).toEqual(['before', 'between'])
    expect([s.count('list'), s.count('watch')]).toEqual([1, 2])
    expect(s.changes).toEqual(['>before', '>between'])
    s.stop.abort()
  })

  test('resumes from the version of the last event or bookmark, not from the list', async () => {
    const s = setUp()
    void s.start()
    await s.informer.synced
    await s.clock.settle()
    await s.admin.create(NODES, node('event'))
    await s.clock.settle()
    s.server.compact()
    s.server.dropWatches()
    await s.clock.advance(250)
    // Changes of other kinds move the server's version; only a bookmark tells the informer.
    await s.admin.create(LEASES, { metadata: { name: 'l', namespace: 'default' } })
    await s.clock.advance(61_000)
    s.server.compact()
    s.server.dropWatches()
    await s.clock.advance(250)
    expect([s.count('list'), s.count('watch')]).toEqual([1, 3])
    s.stop.abort()
  })

  test('breaks off a silent watch after the stall time and resumes', async () => {
    const s = setUp({ stallMs: 90_000 })
    void s.start()
    await s.informer.synced
    await s.clock.settle()
    s.server.silenceWatches()
    await s.admin.create(NODES, node('unseen'))
    await s.clock.advance(89_000)
    expect(s.names()).toEqual([])
    await s.clock.advance(2_000)
    expect(s.names()).toEqual(['unseen'])
    expect(s.count('list')).toBe(1)
    s.stop.abort()
  })

  test('misses no time after hours of silence, and is silent itself', async () => {
    const { said, log } = listening()
    const s = setUp({ stallMs: 90_000, log })
    void s.start()
    await s.informer.synced
    await s.clock.settle()
    for (let quiet = 0; quiet < 8; quiet++) {
      s.server.silenceWatches()
      await s.clock.advance(90_500)
    }
    expect(s.count('watch')).toBe(9)
    await s.clock.advance(1_000)
    await s.admin.create(NODES, node('late'))
    await s.clock.advance(500)
    expect(s.names()).toEqual(['late'])
    expect(said).toEqual([])
    s.stop.abort()
  })

  test('tells once that a silent watch has hidden changes', async () => {
    const { said, log } = listening()
    const s = setUp({ stallMs: 90_000, log })
    void s.start()
    await s.informer.synced
    await s.clock.settle()
    s.server.silenceWatches()
    await s.admin.create(NODES, node('hidden'))
    await s.admin.create(NODES, node('hidden-too'))
    await s.clock.advance(91_000)
    expect(s.names()).toEqual(['hidden', 'hidden-too'])
    expect(said).toEqual(['Changes came late: the watch before was silent'])
    s.stop.abort()
  })

  test('keeps a quiet watch open while bookmarks come', async () => {
    const s = setUp({ stallMs: 90_000 })
    void s.start()
    await s.informer.synced
    await s.clock.advance(290_000)
    expect(s.count('watch')).toBe(1)
    s.stop.abort()
  })

  test('lists again when the version is gone, and deletes what the list does not name', async () => {
    const s = setUp()
    await s.admin.create(NODES, node('stays'))
    await s.admin.create(NODES, node('goes'))
    void s.start()
    await s.informer.synced
    await s.clock.settle()
    s.server.dropWatches()
    await s.admin.delete(NODES, { name: 'goes' })
    await s.admin.create(NODES, node('comes'))
    s.server.compact()
    await s.clock.advance(1_000)
    expect(s.names()).toEqual(['comes', 'stays'])
    expect(s.changes).toEqual(['>goes', '>stays', '>comes', 'goes>'])
    expect(s.count('list')).toBe(2)
    s.stop.abort()
  })

  test('lists again when 410 comes inside the stream', async () => {
    const s = setUp()
    void s.start()
    await s.informer.synced
    await s.clock.settle()
    const gone = await s.admin.list(NODES, { continue: 'old' }).then(
      () => new Error('no'),
      (error: unknown) => error as Error,
    )
    expect(isOsError(gone, 'kube-gone')).toBe(true)
    s.server.dropWatches(gone)
    await s.clock.advance(1_000)
    expect(s.count('list')).toBe(2)
    s.stop.abort()
  })

  test('begins the list again when a page token is gone', async () => {
    const s = setUp({ pageSize: 1 })
    for (const name of ['a', 'b']) await s.admin.create(NODES, node(name))
    s.faults.next = ({ verb }) => {
      if (verb === 'list' && s.count('list') === 2) s.server.compact()
      return 'none'
    }
    void s.start()
    await s.clock.advance(1_000)
    expect(s.informer.hasSynced()).toBe(true)
    expect(s.names()).toEqual(['a', 'b'])
    s.stop.abort()
  })

  test('survives an outage with growing pauses and one warning', async () => {
    const warned: string[] = []
    const log: Logger = { ...silentLogger, warn: (message) => void warned.push(message) }
    const s = setUp({ log })
    s.faults.next = ({ identity }) => (identity === 'informer' ? 'fail-before' : 'none')
    void s.start()
    await s.clock.advance(600_000)
    // 0.2 + 0.4 + … + 25.6 s, then each 30 s: about 8 + 18.
    expect(s.count('list')).toBeGreaterThan(20)
    expect(s.count('list')).toBeLessThan(30)
    expect(warned).toHaveLength(1)
    s.faults.next = () => 'none'
    await s.clock.advance(31_000)
    expect(s.informer.hasSynced()).toBe(true)
    s.stop.abort()
  })

  test('lists at intervals, and says so once, where watching is forbidden', async () => {
    const warned: string[] = []
    const log: Logger = { ...silentLogger, warn: (message) => void warned.push(message) }
    const s = setUp({ log, pollMs: 15_000 }, ({ verb }) => verb !== 'watch')
    void s.start()
    await s.informer.synced
    await s.admin.create(NODES, node('new'))
    await s.clock.advance(16_000)
    expect(s.names()).toEqual(['new'])
    await s.clock.advance(900_000)
    expect(warned).toHaveLength(1)
    expect(s.count('list')).toBeGreaterThan(55)
    expect(s.count('watch')).toBeLessThan(12)
    s.stop.abort()
  })

  test('takes the refusals of an API server that has just started for no loss of rights', async () => {
    let isStarting = true
    const s = setUp({ pollMs: 15_000 }, ({ verb }) => verb !== 'watch' || !isStarting)
    void s.start()
    await s.informer.synced
    await s.clock.advance(2000)
    isStarting = false
    await s.clock.advance(2000)
    await s.admin.create(NODES, node('new'))
    await s.clock.advance(100)
    expect(s.names()).toEqual(['new'])
    s.stop.abort()
  })

  test('trims objects as they arrive and keeps indexes right', async () => {
    const s = setUp({
      trim: ({ metadata: { name, labels, resourceVersion, uid } }) => ({
        metadata: {
          name,
          ...(labels && { labels }),
          ...(resourceVersion && { resourceVersion }),
          ...(uid && { uid }),
        },
      }),
      indexes: {
        pool: (each) => (each.metadata.labels?.['pool'] ? [each.metadata.labels['pool']] : []),
      },
    })
    await s.admin.create(NODES, node('a', { pool: 'x' }))
    void s.start()
    await s.informer.synced
    const pool = (value: string) =>
      s.informer.cache.byIndex('pool', value).map((n) => n.metadata.name)
    expect(pool('x')).toEqual(['a'])
    const body = { metadata: { labels: { pool: 'y' } } }
    await s.admin.patch(NODES, { name: 'a' }, { type: 'merge', body })
    await s.clock.settle()
    expect([pool('x'), pool('y')]).toEqual([[], ['a']])
    expect(s.informer.cache.get('a')?.metadata.creationTimestamp).toBeUndefined()
    s.stop.abort()
  })

  test('rejects synced when it is stopped before its first list', async () => {
    const s = setUp()
    s.faults.next = () => 'fail-before'
    const running = s.start()
    await s.clock.settle()
    s.stop.abort()
    await running
    expect(s.informer.synced).rejects.toThrow('stopped')
    expect(s.clock.pending).toBe(0)
  })
})
