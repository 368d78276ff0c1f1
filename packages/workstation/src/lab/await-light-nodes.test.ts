import { expect, test } from 'bun:test'
import { awaitLightNodes } from './await-light-nodes.ts'
import { viewFleet } from './fleet-view.ts'
import type { LabNodeRecord } from './lab-record.ts'

function scene(readyFromMs: Record<string, number>, stop = new AbortController().signal) {
  let nowMs = 0
  const power = Object.keys(readyFromMs).map((name): LabNodeRecord => {
    const kind = name.startsWith('vm') ? 'vm' : 'light'
    return { name, kind, power: 'boot-loader', boots: [] }
  })
  const clock = {
    monotonicMs: () => nowMs,
    sleep: async (ms: number) => void (nowMs += ms),
  }
  const read = async () => {
    const nodes = Object.entries(readyFromMs)
      .filter(([, fromMs]) => nowMs >= fromMs)
      .map(([name]) => ({
        metadata: { name },
        status: { conditions: [{ type: 'Ready', status: 'True' as const }] },
      }))
    return viewFleet({ nodes, instances: [], oses: [], power })
  }
  return { waited: awaitLightNodes({ clock, stop, read }), nowMs: () => nowMs }
}

test('awaitLightNodes() returns when the last light node is Ready, without virtual ones', async () => {
  const { waited, nowMs } = scene({ 'light-1': 0, 'light-2': 3_000, 'vm-1': 120_000 })
  expect(await waited).toEqual([])
  expect(nowMs()).toBe(3_000)
})

test('awaitLightNodes() names what is late after 30 s', async () => {
  const { waited, nowMs } = scene({ 'light-1': 0, 'light-2': Number.POSITIVE_INFINITY })
  expect(await waited).toEqual(['light-2'])
  expect(nowMs()).toBe(30_000)
})

test('awaitLightNodes() ends at once when it is stopped', async () => {
  const { waited, nowMs } = scene({ 'light-1': 5_000 }, AbortSignal.abort())
  expect(await waited).toEqual(['light-1'])
  expect(nowMs()).toBe(0)
})
