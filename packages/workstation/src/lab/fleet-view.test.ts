import { expect, test } from 'bun:test'
import type { LabNodeRecord } from './lab-record.ts'
import { viewFleet } from './fleet-view.ts'

const power: LabNodeRecord = {
  name: 'light-1',
  kind: 'light',
  power: 'running',
  boots: [
    { at: '2026-01-01T00:00:00Z', slot: 'B', version: 'KubeOS v2', trial: true, outcome: 'boots' },
  ],
}
const node = {
  metadata: { name: 'light-1', labels: {} },
  status: {
    nodeInfo: { osImage: 'KubeOS v2', bootID: 'x' },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
}

test('viewFleet() shows a node that the API server does not know yet', () => {
  const [seen] = viewFleet({ nodes: [], instances: [], power: [power], oses: [] }).nodes
  expect(seen).toMatchObject({ ready: false, version: '-', phase: 'Idle', slot: 'B' })
})

test('viewFleet() tells the power before what the API server still believes', () => {
  const panicked: LabNodeRecord = { ...power, power: 'panicked' }
  const [seen] = viewFleet({ nodes: [node], instances: [], power: [panicked], oses: [] }).nodes
  expect(seen?.phase).toBe('Panicked in KubeOS v2')
})

test('viewFleet() shows phase and bytes of the operation under way only', () => {
  const operation = { id: 'c', type: 'upgrade', phase: 'Preparing', since: '2026-01-01T00:00:09Z' }
  const instance = {
    metadata: {
      name: 'light-1',
      annotations: { 'kubenest.io/operation': JSON.stringify(operation) },
    },
    spec: { nodestatus: 'upgrade' },
    status: { operation: { id: 'c', bytesDone: 1, bytesTotal: 2 } },
  }
  const [busy] = viewFleet({ nodes: [node], instances: [instance], power: [power], oses: [] }).nodes
  expect(busy).toMatchObject({ busy: true, phase: 'Preparing', bytesTotal: 2 })
  const idle = { ...instance, spec: { nodestatus: 'idle' } }
  const [done] = viewFleet({ nodes: [node], instances: [idle], power: [power], oses: [] }).nodes
  expect(done).toMatchObject({ busy: false, phase: 'Idle' })
  expect(done?.bytesTotal).toBeUndefined()
})

test('viewFleet() counts a labelled node as busy, whatever its instance says', () => {
  const labelled = {
    ...node,
    metadata: { name: 'light-1', labels: { 'upgrade.openeuler.org/upgrading': '' } },
  }
  const [seen] = viewFleet({ nodes: [labelled], instances: [], power: [power], oses: [] }).nodes
  expect(seen?.busy).toBe(true)
})

test('viewFleet() does not show the phase of an operation that has ended', () => {
  const ended = {
    id: 'c',
    type: 'upgrade',
    phase: 'Finishing',
    since: '',
    endedAt: '2026-01-01T00:00:00Z',
  }
  const instance = {
    metadata: { name: 'light-1', annotations: { 'kubenest.io/operation': JSON.stringify(ended) } },
    spec: { nodestatus: 'upgrade' },
  }
  const [seen] = viewFleet({ nodes: [node], instances: [instance], power: [power], oses: [] }).nodes
  expect(seen?.phase).toBe('Assigned')
})
