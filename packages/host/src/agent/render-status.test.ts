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
      'Slot A    committed, booted, KubeNest v1',
      'Slot B    bad, 2 trials',
      'Work      Running prepare: Writing, 5 of ? bytes, since 2024-01-01T00:00:00.000Z',
      '          Preparing v2',
      'Trial     TrialUnhealthy of v2, since 2024-01-01T00:00:00.000Z',
      '          kubelet is not active',
      'Degraded  NoTrial: no trial units',
      '',
    ].join('\n'),
  )
})
