import { expect, test } from 'bun:test'
import type { LabRecord } from './lab-record.ts'
import { renderAge, renderStatus } from './lab-status.ts'

const record: LabRecord = {
  name: 'default',
  phase: 'ready',
  supervisor: { pid: 1, startTicks: 1, bootId: 'b' },
  steps: [],
  startedAt: '2026-01-01T00:00:00Z',
  apiServer: 'https://127.0.0.1:1',
  imageServer: 'http://127.0.0.1:2',
  nodes: [],
  processes: [{ name: 'etcd', identity: { pid: 7, startTicks: 1, bootId: 'b' }, restarts: 0 }],
}
const nowMs = Date.parse('2026-01-01T00:01:05Z')

test('renderStatus() shows programs and age of a running lab', () => {
  const text = renderStatus(record, { alive: true, nowMs, folder: '/labs/one' })
  expect(text).toContain('Lab "default" is ready, since 1m5s.')
  expect(text).toMatch(/etcd +7 +0/)
})

test('renderStatus() names the folder of the lab and that of its manifests', () => {
  const text = renderStatus(record, { alive: true, nowMs, folder: '/labs/one' })
  expect(text).toMatch(/State: +\/labs\/one\n/)
  expect(text).toMatch(/Manifests: +\/labs\/one\/manifests\n/)
})

test('renderStatus() calls a lab without its supervisor crashed, and lists no process as running', () => {
  const text = renderStatus(record, { alive: false, nowMs, folder: '/labs/one' })
  expect(text).toContain('is crashed')
  expect(text).toContain('kubenest lab down')
  expect(text).not.toMatch(/etcd +7/)
})

test('renderStatus() says why a start failed', () => {
  const failed: LabRecord = { ...record, phase: 'failed', error: 'Cannot start: no etcd' }
  const text = renderStatus(failed, { alive: false, nowMs, folder: '/labs/one' })
  expect(text).toContain('is failed')
  expect(text).toContain('Cannot start: no etcd')
})

test.each([
  [0, '0s'],
  [59_999, '59s'],
  [60_000, '1m0s'],
  [3_600_000, '1h0m'],
  [-5, '0s'],
])('renderAge(%p) is %p', (ageMs, text) => {
  expect(renderAge(ageMs)).toBe(text)
})
