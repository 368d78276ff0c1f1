import { expect, test } from 'bun:test'
import { renderStatus } from './render-status.ts'

test('renderStatus() tells slots, work, trial and what is degraded', () => {
  const text = renderStatus({
    agentVersion: '1.0.0',
    capabilities: [],
    bootId: 'b1',
    osVersion: 'KubeNest v1',
    slots: [
      { name: 'A', booted: true, version: 'KubeNest v1', state: 'committed', tries: 0 },
      { name: 'B', booted: false, state: 'bad', tries: 2 },
    ],
    operation: {
      id: 'op',
      type: 'prepare',
      running: true,
      phase: 'Writing',
      bytesDone: 5,
      attempt: 1,
      since: '2024-01-01T00:00:00.000Z',
      message: 'Preparing v2',
    },
    trial: {
      operationId: 'op',
      image: { digest: 'd', version: 'v2' },
      verdict: 'TrialUnhealthy',
      reasons: ['kubelet is not active'],
      since: '2024-01-01T00:00:00.000Z',
    },
    degraded: [{ reason: 'NoTrial', message: 'no trial units' }],
  })
  expect(text).toBe(
    [
      'Agent     1.0.0',
      'System    KubeNest v1 (boot b1)',
      'Slot A    committed (running), KubeNest v1',
      'Slot B    bad, 2 trials',
      'Work      Running prepare: Writing, 5 of ? bytes, since 2024-01-01T00:00:00.000Z',
      '          Preparing v2',
      'Trial     TrialUnhealthy of v2, since 2024-01-01T00:00:00.000Z',
      '          The new version did not pass its health gate; the old one runs',
      '          - kubelet is not active',
      '          Next: publish a corrected image; or, when the cause lay outside it: os-agent allow d "v2"',
      'Degraded  NoTrial: no trial units',
      '',
    ].join('\n'),
  )
})

test('renderStatus() says for each verdict what it means and what to do next', () => {
  for (const verdict of [
    'Committed',
    'InTrial',
    'TrialNotReached',
    'TrialInterrupted',
    'TrialUnhealthy',
    'ManualRollback',
    'UnexpectedSlot',
  ] as const) {
    const image = { digest: '', version: 'v2' }
    const trial = { operationId: 'op', image, verdict, reasons: [], since: 's' }
    const node = { agentVersion: '1', capabilities: [], bootId: 'b', osVersion: 'v1', slots: [] }
    const lines = renderStatus({ ...node, trial, degraded: [] })
      .trimEnd()
      .split('\n')
    expect(lines[2]).toBe(`Trial     ${verdict} of v2, since s`)
    expect(lines[3]).toMatch(/^ {10}[A-Z].{20,}/)
    expect(lines[4]).toMatch(/^ {10}Next: .{5,}/)
    // Without a digest there is no image to allow.
    expect(lines[4]).not.toContain('os-agent allow')
  }
})
