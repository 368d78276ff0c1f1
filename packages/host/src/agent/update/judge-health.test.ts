// The gate's decision: pending waits, red needs three looks, silence never falls back.
import { describe, expect, test } from 'bun:test'
import { judgeHealth, type CheckResult, type HealthFacts } from './judge-health.ts'

const green: CheckResult = { name: 'a', state: 'green', reason: '' }
const pending: CheckResult = { name: 'b', state: 'pending', reason: 'b is late' }
const red: CheckResult = { name: 'c', state: 'red', reason: 'c failed' }

function judge(change: Partial<HealthFacts>) {
  return judgeHealth({
    config: { leastUptimeMs: 45_000, wantedWaitMs: 300_000, deadlineMs: 900_000 },
    elapsedMs: 60_000,
    checks: [green],
    wanted: [],
    redLooksBefore: 0,
    policy: 'Strict',
    hadDefaultRoute: true,
    hasDefaultRoute: true,
    ...change,
  })
}

describe('judgeHealth()', () => {
  test('judgeHealth() decides nothing before the least uptime', () => {
    const early = { elapsedMs: 44_999, checks: [red], redLooksBefore: 9 }
    const waitsFor = ['Nothing is decided before 45 s']
    expect(judge(early)).toEqual({ kind: 'wait', redLooks: 0, waitsFor })
  })

  test('judgeHealth() falls back at the third red look in a row', () => {
    const wait = { kind: 'wait' as const }
    expect(judge({ checks: [red], redLooksBefore: 1 })).toEqual({
      ...wait,
      redLooks: 2,
      waitsFor: ['c failed'],
    })
    expect(judge({ checks: [green, red], redLooksBefore: 2 })).toEqual({
      kind: 'fall-back',
      reasons: ['c failed'],
    })
    expect(judge({ checks: [pending], redLooksBefore: 2 })).toEqual({
      ...wait,
      redLooks: 0,
      waitsFor: ['b is late'],
    })
  })

  test('judgeHealth() lets pending wait until the deadline', () => {
    expect(judge({ checks: [pending], elapsedMs: 899_999 }).kind).toBe('wait')
    expect(judge({ checks: [pending], elapsedMs: 900_000 })).toEqual({
      kind: 'fall-back',
      reasons: ['b is late, still so after 900 s'],
    })
  })

  test('judgeHealth() commits at once when the cluster sees the node ready', () => {
    expect(judge({ report: { ready: true } }).kind).toBe('commit')
  })

  test('judgeHealth() commits after the wanted wait when nobody says anything', () => {
    expect(judge({ elapsedMs: 299_999 }).kind).toBe('wait')
    expect(judge({ elapsedMs: 300_000 }).kind).toBe('commit')
  })

  test('judgeHealth() says what a trial with green checks waits for', () => {
    const silent = 'The cluster has not said yet that it sees the node as ready'
    expect(judge({ wanted: [pending] })).toMatchObject({ waitsFor: [silent, 'b is late'] })
    const notReady = { ready: false, reason: 'KubeletNotReady' }
    expect(judge({ report: notReady })).toMatchObject({
      waitsFor: ['The cluster sees the node as not ready: KubeletNotReady'],
    })
    const ready = { wanted: [pending], report: { ready: true } }
    expect(judge(ready)).toMatchObject({ waitsFor: ['b is late'] })
  })

  test('judgeHealth() waits for what is wanted, tells of it, and never falls back for it', () => {
    const wanted = [green, red, pending]
    const ready = { wanted, report: { ready: true } }
    expect(judge({ ...ready, elapsedMs: 299_999 }).kind).toBe('wait')
    const notes = ['c failed', 'b is late']
    for (const facts of [ready, { wanted }, { ...ready, policy: 'Local' as const }])
      expect(judge({ ...facts, elapsedMs: 300_000 })).toEqual({ kind: 'commit', notes })
  })

  test('judgeHealth() falls back under Strict, not under Local, when the node is not ready', () => {
    const late = { elapsedMs: 300_000, report: { ready: false, reason: 'KubeletNotReady' } }
    expect(judge(late)).toEqual({
      kind: 'fall-back',
      reasons: ['The cluster sees the node as not ready: KubeletNotReady'],
    })
    expect(judge({ ...late, policy: 'Local' }).kind).toBe('commit')
  })

  test('judgeHealth() falls back under Strict when a default route is gone', () => {
    const late = { elapsedMs: 300_000, hasDefaultRoute: false }
    expect(judge(late).kind).toBe('fall-back')
    expect(judge({ ...late, hadDefaultRoute: false }).kind).toBe('commit')
    expect(judge({ ...late, policy: 'Local' }).kind).toBe('commit')
  })
})
