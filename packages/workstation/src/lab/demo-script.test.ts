import { expect, test } from 'bun:test'
import { DEMO_STEPS, type StepHistory } from './demo-script.ts'
import type { FleetView, NodeView, OsView } from './fleet-view.ts'

const before: NodeView = {
  name: 'light-1',
  kind: 'light',
  ready: true,
  cordoned: false,
  busy: false,
  version: 'KubeOS v1',
  bootId: 'first',
  slot: 'A',
  phase: 'Idle',
  since: '',
  boots: [{ at: '', slot: 'A', version: 'KubeOS v1', trial: false, outcome: 'boots' }],
}
const upgraded: NodeView = {
  ...before,
  version: 'KubeOS v2',
  bootId: 'second',
  slot: 'B',
  boots: [
    ...before.boots,
    { at: '', slot: 'B', version: 'KubeOS v2', trial: true, outcome: 'boots' },
  ],
}
const os: OsView = {
  name: 'light',
  generation: 1,
  observedGeneration: 1,
  updated: 1,
  failed: 0,
  progress: '',
}
const history: StepHistory = { before: { nodes: [before], oses: [] }, mostBusy: { light: 1 } }

function missing(step: number, now: FleetView, seen: StepHistory = history): string[] {
  const expectations = DEMO_STEPS[step]?.expect(now, seen) ?? []
  return expectations.filter((each) => !each.seen).map((each) => each.text)
}

test('DEMO_STEPS upgrade is seen when every node is at v2 after one trial', () => {
  expect(missing(0, { nodes: [upgraded], oses: [os] })).toEqual([])
})

test.each([
  ['an old version', { ...upgraded, version: 'KubeOS v1' }],
  ['no reboot', { ...upgraded, bootId: 'first' }],
  ['no trial', { ...upgraded, boots: upgraded.boots.map((boot) => ({ ...boot, trial: false })) }],
  ['a cordon', { ...upgraded, cordoned: true }],
  ['work under way', { ...upgraded, busy: true }],
  ['a node that is not Ready', { ...upgraded, ready: false }],
])('DEMO_STEPS upgrade is not seen with %s', (_, node) => {
  expect(missing(0, { nodes: [node], oses: [os] })).not.toEqual([])
})

test('DEMO_STEPS upgrade is not seen while the OS object tells of an older generation', () => {
  expect(missing(0, { nodes: [upgraded], oses: [{ ...os, generation: 2 }] })).not.toEqual([])
  expect(missing(0, { nodes: [upgraded], oses: [] })).not.toEqual([])
})

test('DEMO_STEPS upgrade is not seen when the cap was broken, or nothing was ever at work', () => {
  expect(
    missing(0, { nodes: [upgraded], oses: [os] }, { ...history, mostBusy: { light: 3 } }),
  ).not.toEqual([])
  expect(missing(0, { nodes: [upgraded], oses: [os] }, { ...history, mostBusy: {} })).not.toEqual(
    [],
  )
})

test('DEMO_STEPS see nothing about nodes in an empty fleet', () => {
  const unseen = missing(0, { nodes: [], oses: [os] })
  expect(unseen).toContain('every node runs v2')
  expect(unseen).toContain('each rebooted, by its boot id')
})

const fallen: NodeView = {
  ...before,
  bootId: 'third',
  verdict: {
    id: 'x',
    image: { digest: 'd', version: 'KubeOS v3' },
    operation: 'upgrade',
    outcome: 'FellBack',
    reason: 'TrialNotReached',
    message: '',
    at: '',
  },
  boots: [
    ...before.boots,
    { at: '', slot: 'B', version: 'KubeOS v3', trial: true, outcome: 'panics' },
    { at: '', slot: 'A', version: 'KubeOS v1', trial: false, outcome: 'boots' },
  ],
}
const other: NodeView = { ...before, name: 'light-2' }
const halted: OsView = { ...os, halted: { reason: 'MaxFailures', message: 'stopped' } }

test('DEMO_STEPS broken upgrade is seen when one node came back and the rollout halted', () => {
  expect(missing(2, { nodes: [fallen, other], oses: [halted] })).toEqual([])
})

test('DEMO_STEPS broken upgrade is not seen when a second node tried, or nothing halted', () => {
  const second = { ...fallen, name: 'light-2' }
  expect(missing(2, { nodes: [fallen, second], oses: [halted] })).not.toEqual([])
  expect(missing(2, { nodes: [fallen, other], oses: [os] })).not.toEqual([])
})

const vm: NodeView = { ...upgraded, name: 'vm-1', kind: 'vm' }
const both: StepHistory = {
  before: { nodes: [before, { ...before, name: 'vm-1', kind: 'vm' }], oses: [] },
  mostBusy: { light: 2, vm: 1 },
}

test('DEMO_STEPS upgrade is seen only when the objects of both kinds of nodes say so', () => {
  const oses = [os, { ...os, name: 'vm' }]
  expect(missing(0, { nodes: [upgraded, vm], oses }, both)).toEqual([])
  expect(missing(0, { nodes: [upgraded, vm], oses: [os] }, both)).not.toEqual([])
  const idle = { ...both, mostBusy: { light: 2 } }
  expect(missing(0, { nodes: [upgraded, vm], oses }, idle)).not.toEqual([])
})

test('DEMO_STEPS broken upgrade is seen only when one node of each kind tried', () => {
  const oses = [halted, { ...halted, name: 'vm' }]
  const seen = { ...both, mostBusy: { light: 1, vm: 1 } }
  const tried: NodeView = { ...fallen, name: 'vm-1', kind: 'vm' }
  const untried: NodeView = { ...before, name: 'vm-1', kind: 'vm' }
  expect(missing(2, { nodes: [fallen, tried], oses }, seen)).toEqual([])
  expect(missing(2, { nodes: [fallen, untried], oses }, seen)).not.toEqual([])
})
