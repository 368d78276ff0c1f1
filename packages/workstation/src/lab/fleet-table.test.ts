import { expect, test } from 'bun:test'
import { renderChanges, renderFleet } from './fleet-table.ts'
import type { FleetView, NodeView } from './fleet-view.ts'

const node: NodeView = {
  name: 'light-1',
  kind: 'light',
  ready: true,
  cordoned: false,
  busy: true,
  version: 'KubeOS v1',
  bootId: 'b',
  slot: 'A',
  phase: 'Preparing',
  since: '2026-01-01T00:00:00Z',
  bytesDone: 16 * 1024 * 1024,
  bytesTotal: 32 * 1024 * 1024,
  boots: [],
}
const view: FleetView = { nodes: [node], oses: [] }

test('renderFleet() shows progress and age of a phase', () => {
  const lines = renderFleet(view, Date.parse('2026-01-01T00:00:07Z'))
  expect(lines[0]).toMatch(/^NODE +PHASE +BYTES +SLOT +VERSION +SINCE$/)
  expect(lines[1]).toMatch(/^light-1 +Preparing +16\.0\/32\.0 MiB +A +KubeOS v1 +7s$/)
})

test('renderChanges() tells each change once, and no mere progress', () => {
  const further = { nodes: [{ ...node, bytesDone: 20 * 1024 * 1024 }], oses: [] }
  const next = { nodes: [{ ...node, phase: 'Armed' }], oses: [] }
  expect(renderChanges(undefined, view)).toHaveLength(1)
  expect(renderChanges(view, further)).toEqual([])
  expect(renderChanges(view, next)[0]).toContain('Armed')
})

test('renderChanges() tells a cordon', () => {
  const cordoned = { nodes: [{ ...node, cordoned: true }], oses: [] }
  expect(renderChanges(view, cordoned)[0]).toContain('cordoned')
})
