// From Armed to the outcome.
import { expect } from 'bun:test'
import {
  MINUTE,
  ago,
  check,
  cordoned,
  error,
  failure,
  phase,
  task,
} from '../../test/proxy/cases.ts'
import { CLAIM, DIGEST, described, NOW, V2 } from '../../test/proxy/fixtures.ts'

const armed = (more: object = {}) => ({
  ...phase('Armed', { bootId: 'boot-1', ...more }),
  ...cordoned,
})
const trial = (verdict: string) =>
  described({
    bootId: 'boot-2',
    trial: {
      operationId: CLAIM,
      image: { digest: DIGEST, version: V2 },
      verdict: verdict as 'InTrial',
      reasons: ['kubelet is inactive'],
      since: ago(0),
    },
  })

check('follows an armed operation to its outcome', [
  [
    'takes a trial that is written before the reboot for armed, not for lost',
    {
      ...armed(),
      agent: described({
        trial: {
          operationId: CLAIM,
          image: { digest: DIGEST, version: V2 },
          verdict: 'TrialNotReached',
          reasons: [],
          since: ago(0),
        },
      }),
    },
    { do: 'activate' },
  ],
  [
    'begins again when another reboot came before the request, instead of blaming the image',
    { ...armed(), bootId: 'boot-2', agent: described({ bootId: 'boot-2' }) },
    { do: 'record', operation: { phase: 'Configuring' } },
  ],
  [
    'waits while the request runs',
    { ...armed({ since: ago(60 * MINUTE) }), facts: task('activate', 'running') },
    { do: 'wait', untilMs: NOW + 5000, keeps: 'activate' },
  ],
  [
    'repeats a request after which nothing happened',
    {
      ...armed(),
      facts: {
        task: {
          kind: 'activate',
          operationId: CLAIM,
          state: 'done',
          startedMs: NOW - 5 * MINUTE,
        },
      },
    },
    { do: 'activate' },
  ],

  [
    'repeats soon when the agent was killed with the request',
    {
      ...armed(),
      facts: {
        task: { kind: 'activate', operationId: CLAIM, state: 'done', startedMs: NOW - 10_000 },
      },
    },
    { do: 'activate' },
  ],
  [
    'gives an agent that was just asked the time to begin',
    {
      ...armed(),
      facts: {
        task: { kind: 'activate', operationId: CLAIM, state: 'done', startedMs: NOW - 9000 },
      },
    },
    { do: 'wait', reason: 'Rebooting', untilMs: NOW + 1000 },
  ],
  ['asks for the reboot after a restart of ours', armed(), { do: 'activate' }],
  [
    'waits for an agent that is arming',
    {
      ...armed(),
      agent: described({
        operation: {
          id: CLAIM,
          type: 'upgrade',
          running: true,
          phase: 'Arming',
          attempt: 1,
          since: '',
          message: '',
        },
      }),
    },
    { do: 'wait', reason: 'Rebooting' },
  ],
  [
    'never asks an agent without status twice',
    { ...armed(), agent: { state: 'documented' } },
    { do: 'wait', reason: 'Rebooting' },
  ],
  [
    'but repeats a request that was lost',
    { ...armed({ since: ago(5 * MINUTE) }), agent: { state: 'documented' } },
    { do: 'activate' },
  ],
  [
    'waits after it asked',
    { ...armed(), facts: task('activate', 'done') },
    { do: 'wait', reason: 'Rebooting' },
  ],
  [
    'decides nothing while the agent is silent',
    { ...armed({ since: ago(60 * MINUTE) }), agent: { state: 'unknown', message: 'away' } },
    { do: 'wait', reason: 'AgentUnreachable' },
  ],
  [
    'fails when the agent refuses to arm',
    { ...armed(), facts: { failure: failure('activate', error('integrity', 'slot-changed')) } },
    { do: 'record', verdict: { outcome: 'Failed', reason: 'SlotChanged' } },
  ],
  [
    'records the trial',
    { ...armed(), runs: V2, agent: trial('InTrial') },
    { do: 'record', operation: { phase: 'Trial' } },
  ],
  [
    'watches the trial',
    {
      ...phase('Trial', { bootId: 'boot-1' }),
      ...cordoned,
      runs: V2,
      bootId: 'boot-2',
      agent: trial('InTrial'),
    },
    { do: 'watchTrial', untilMs: NOW + 2000 },
  ],
  [
    'finishes a committed trial',
    {
      ...phase('Trial', { bootId: 'boot-1' }),
      runs: V2,
      bootId: 'boot-2',
      agent: trial('Committed'),
    },
    { do: 'record', operation: { phase: 'Finishing' } },
  ],
  [
    'waits until the kubelet reports the new system',
    { ...phase('Trial', { bootId: 'boot-1' }), agent: trial('Committed') },
    { do: 'wait', reason: 'NodeNotReported', untilMs: NOW + 5000 },
  ],
  ...(['TrialNotReached', 'TrialInterrupted', 'TrialUnhealthy'] as const).map(
    (verdict) =>
      [
        `falls back on ${verdict}`,
        { ...armed(), bootId: 'boot-2', agent: trial(verdict) },
        {
          do: 'record',
          operation: { phase: 'Finishing' },
          verdict: {
            outcome: 'FellBack',
            reason: verdict,
            message: expect.stringContaining('kubelet is inactive') as string,
          },
        },
      ] as const,
  ),
  [
    'holds a return by hand',
    { ...armed(), bootId: 'boot-2', agent: trial('ManualRollback') },
    { do: 'hold', hold: { osUid: 'os-uid', osGeneration: 1 }, verdict: { outcome: 'Skipped' } },
  ],
  [
    'fails on an unexpected slot',
    { ...armed(), bootId: 'boot-2', agent: trial('UnexpectedSlot') },
    { do: 'record', verdict: { outcome: 'Failed' } },
  ],
  [
    'decision 9: finishes the outcome when the OS object is gone',
    { ...armed(), os: 'absent', runs: V2, bootId: 'boot-2', agent: trial('Committed') },
    { do: 'record', operation: { phase: 'Finishing' } },
  ],
  [
    'A13: an edit after Armed waits for the outcome',
    {
      ...armed(),
      os: { osversion: 'KubeOS v3' },
      bootId: 'boot-2',
      runs: V2,
      agent: trial('InTrial'),
    },
    { do: 'record', operation: { phase: 'Trial' } },
  ],
  [
    'without the agent, the new system is success',
    { ...armed(), runs: V2, bootId: 'boot-2', agent: { state: 'documented' } },
    { do: 'record', operation: { phase: 'Finishing' } },
  ],
  [
    'decision 10: the old system after a reboot is watched',
    { ...armed(), bootId: 'boot-2', agent: { state: 'documented' } },
    { do: 'record', operation: { phase: 'Trial' } },
  ],
  [
    'for five minutes',
    {
      ...phase('Trial', { bootId: 'boot-1', since: ago(MINUTE) }),
      bootId: 'boot-2',
      agent: { state: 'documented' },
    },
    { do: 'wait', reason: 'OldSystem', untilMs: NOW + 4 * MINUTE },
  ],
  [
    'then it has failed',
    {
      ...phase('Trial', { bootId: 'boot-1', since: ago(5 * MINUTE) }),
      bootId: 'boot-2',
      agent: { state: 'documented' },
    },
    { do: 'record', verdict: { outcome: 'Failed', reason: 'RebootedToOldSystem' } },
  ],
])
