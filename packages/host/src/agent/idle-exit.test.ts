import { describe, expect, test } from 'bun:test'
import { createFakeClock } from '../../test/agent/fake-clock.ts'
import { IDLE_EXIT_MS, watchIdle } from './idle-exit.ts'

function watch(isNeeded: () => Promise<boolean>) {
  const clock = createFakeClock()
  let idles = 0
  const idle = watchIdle(clock, isNeeded, () => (idles += 1))
  return { clock, idle, idles: () => idles }
}

describe('watchIdle()', () => {
  test('tells once, after the whole span without a touch', async () => {
    const { clock, idle, idles } = watch(async () => false)
    await clock.advance(IDLE_EXIT_MS - 1)
    idle.touch()
    await clock.advance(IDLE_EXIT_MS - 1)
    expect(idles()).toBe(0)
    await clock.advance(1)
    expect(idles()).toBe(1)
    await clock.advance(10 * IDLE_EXIT_MS)
    expect(idles()).toBe(1)
  })

  test('waits another span for as long as the agent is needed (a trial is pending)', async () => {
    let needed = true
    const { clock, idles } = watch(async () => needed)
    await clock.advance(5 * IDLE_EXIT_MS)
    expect(idles()).toBe(0)
    needed = false
    await clock.advance(IDLE_EXIT_MS)
    expect(idles()).toBe(1)
  })

  test('starts anew when a client comes while it asks', async () => {
    const answer = Promise.withResolvers<boolean>()
    const { clock, idle, idles } = watch(() => answer.promise)
    await clock.advance(IDLE_EXIT_MS)
    idle.touch()
    answer.resolve(false)
    await answer.promise
    await Bun.sleep(0)
    expect(idles()).toBe(0)
  })

  test('tells nothing after cancel', async () => {
    const { clock, idle, idles } = watch(async () => false)
    idle.cancel()
    await clock.advance(10 * IDLE_EXIT_MS)
    expect(idles()).toBe(0)
    expect(clock.pending()).toBe(0)
  })
})
