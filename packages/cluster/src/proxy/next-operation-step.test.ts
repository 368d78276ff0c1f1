// Row 12 in phases: preparation, drain policies, rollback and holds.
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
import { CLAIM, described, NOW, V1 } from '../../test/proxy/fixtures.ts'

check('prepares before anybody is disturbed', [
  [
    'keeps what was taken over, and the leave for an attempt, when it begins again',
    {
      ...phase('Preparing', { adopted: true }),
      os: { checksum: 'cd'.repeat(32) },
      osAnnotations: {
        'kubenest.io/claims': JSON.stringify([{ id: CLAIM, attempt: 't1' }]),
      },
    },
    { do: 'record', operation: { adopted: true, attempt: 't1' } },
  ],

  ['calls prepare', phase('Preparing'), { do: 'prepare' }],
  [
    'waits while it runs',
    { ...phase('Preparing'), facts: task('prepare', 'running') },
    { do: 'wait', keeps: 'prepare' },
  ],
  [
    'records the verified slot',
    { ...phase('Preparing'), facts: task('prepare', 'done') },
    { do: 'record', operation: { phase: 'SlotVerified' } },
  ],
  [
    'repeats a transient failure',
    {
      ...phase('Preparing'),
      facts: { failure: failure('prepare', error('transient', 'image-unreachable')) },
    },
    { do: 'prepare' },
  ],
  [
    'but not before its time',
    {
      ...phase('Preparing'),
      facts: {
        failure: failure('prepare', error('transient', 'image-unreachable'), { lastMs: NOW - 100 }),
      },
    },
    { do: 'wait', reason: 'ImageUnreachable', untilMs: NOW + 900 },
  ],
  [
    'repeats at once a failure that a clock set back has put into the future',
    {
      ...phase('Preparing'),
      facts: {
        failure: failure('prepare', error('transient', 'image-unreachable'), {
          firstMs: NOW + 3_600_000,
          lastMs: NOW + 3_600_000,
        }),
      },
    },
    { do: 'prepare' },
  ],
  [
    'gives an integrity failure up',
    {
      ...phase('Preparing'),
      facts: { failure: failure('prepare', error('integrity', 'image-digest-mismatch')) },
    },
    {
      do: 'record',
      operation: { phase: 'Finishing' },
      verdict: { outcome: 'Failed', reason: 'ImageDigestMismatch' },
    },
  ],
  [
    'waits for a busy agent',
    {
      ...phase('Preparing'),
      facts: {
        failure: failure('prepare', error('blocked', 'busy'), {
          attempts: 99,
          firstMs: NOW - 90 * MINUTE,
          lastMs: NOW,
        }),
      },
    },
    { do: 'wait', reason: 'Busy' },
  ],
  [
    'gives up after an hour of failures',
    {
      ...phase('Preparing'),
      facts: {
        failure: failure('prepare', error('transient', 'image-unreachable'), {
          firstMs: NOW - 61 * MINUTE,
          lastMs: NOW - 1000,
        }),
      },
    },
    { do: 'record', verdict: { outcome: 'Failed' } },
  ],
  [
    'begins again when the image changed',
    { ...phase('Draining'), os: { checksum: 'cd'.repeat(32) } },
    {
      do: 'record',
      operation: { id: CLAIM, phase: 'Configuring', image: { digest: 'cd'.repeat(32) } },
    },
  ],
  [
    'goes on undisturbed when a further trial is allowed for others meanwhile',
    {
      ...phase('Preparing'),
      facts: task('prepare', 'running'),
      osAnnotations: {
        'kubenest.io/claims': JSON.stringify([{ id: CLAIM }]),
        'kubenest.io/attempt': JSON.stringify({
          token: 't2',
          image: { digest: 'ab'.repeat(32), version: 'KubeOS v2' },
        }),
      },
    },
    { do: 'wait', keeps: 'prepare' },
  ],
  [
    'after taking the cordon back',
    { ...phase('Draining'), ...cordoned, os: { checksum: 'cd'.repeat(32) } },
    { do: 'uncordon' },
  ],
])

const noBlockers = {
  operationId: CLAIM,
  blockers: [],
  nextMs: NOW + 30_000,
  looks: 1,
  stops: 0,
  force: false,
}
const blocked = { ...noBlockers, blockers: ['pod default/web: budget'] }
const skipPolicy = { rollout: { drain: { timeoutSeconds: 60, onTimeout: 'Skip' } } } as const
const forcePolicy = { rollout: { drain: { timeoutSeconds: 60, onTimeout: 'Force' } } } as const
const claims = (over: object) => ({
  osAnnotations: { 'kubenest.io/claims': JSON.stringify([{ id: CLAIM, ...over }]) },
})

check('drains by policy (decisions 6 and 7)', [
  [
    'Skip: not before the deadline',
    {
      ...phase('SlotVerified', { since: ago(MINUTE - 1000) }),
      os: skipPolicy,
      facts: { blockers: blocked },
    },
    { do: 'wait', reason: 'DrainBlocked', untilMs: NOW + 1000 },
  ],
  [
    'arms with the boot id of the agent, which is newer than the node object',
    { ...phase('Drained'), ...cordoned, agent: described({ bootId: 'boot-9' }) },
    { do: 'arm', bootId: 'boot-9' },
  ],
  [
    'drains again when a person uncordoned the drained node',
    phase('Drained'),
    { do: 'record', operation: { phase: 'Draining' } },
  ],
  [
    'cordons again when a person uncordoned the node while pods leave',
    { ...phase('Draining', { since: ago(MINUTE) }), facts: task('drain', 'running') },
    { do: 'cordon' },
  ],
  [
    'does not believe a drain that ended without a cordon',
    { ...phase('Draining', { since: ago(MINUTE) }), facts: task('drain', 'done') },
    { do: 'cordon' },
  ],
  [
    'prepares again when the machine was replaced, before anybody is disturbed',
    {
      ...phase('SlotVerified'),
      facts: { blockers: noBlockers },
      agent: described({
        slots: [
          { name: 'A', booted: true, version: V1, state: 'committed', tries: 0 },
          { name: 'B', booted: false, version: V1, state: 'committed', tries: 0 },
        ],
      }),
    },
    { do: 'record', operation: { phase: 'Preparing' } },
  ],

  ['looks before it cordons', phase('SlotVerified'), { do: 'lookForBlockers', dryRun: false }],
  [
    'goes on when nothing blocks',
    { ...phase('SlotVerified'), facts: { blockers: noBlockers } },
    { do: 'record', operation: { phase: 'Draining' } },
  ],
  [
    'waits uncordoned when something is refused',
    { ...phase('SlotVerified'), facts: { blockers: blocked } },
    { do: 'wait', reason: 'DrainBlocked', untilMs: NOW + 30_000 },
  ],
  [
    'looks again when it is time',
    { ...phase('SlotVerified'), facts: { blockers: { ...blocked, nextMs: NOW } } },
    { do: 'lookForBlockers' },
  ],
  [
    'looks again at once when evictpodforce was set, as the refusal advised',
    {
      ...phase('SlotVerified'),
      os: { evictpodforce: true },
      facts: { blockers: { ...blocked, nextMs: NOW + 300_000 } },
    },
    { do: 'lookForBlockers' },
  ],
  [
    'looks again when the clock was set back',
    { ...phase('SlotVerified'), facts: { blockers: { ...blocked, nextMs: NOW + 3_600_000 } } },
    { do: 'lookForBlockers' },
  ],
  [
    'asks by dry runs after a stopped drain',
    { ...phase('SlotVerified', { drainStops: 1 }), facts: { blockers: noBlockers } },
    { do: 'lookForBlockers', dryRun: true },
  ],
  [
    'leaves the drain to the operator when the claim says so',
    { ...phase('SlotVerified'), ...claims({ drain: 'operator' }) },
    { do: 'rest', reason: 'WaitingForDrain' },
  ],
  ['cordons', phase('Draining'), { do: 'cordon' }],
  [
    'drains with the rest of the deadline',
    { ...phase('Draining', { since: ago(MINUTE) }), ...cordoned },
    { do: 'drain', deadlineMs: NOW + 14 * MINUTE },
  ],
  [
    'waits for the drain',
    { ...phase('Draining'), ...cordoned, facts: task('drain', 'running') },
    { do: 'wait', keeps: 'drain' },
  ],
  [
    'records the end of the drain',
    { ...phase('Draining'), ...cordoned, facts: task('drain', 'done') },
    { do: 'record', operation: { phase: 'Drained' } },
  ],
  [
    'Stop: takes the cordon back first',
    { ...phase('Draining', { since: ago(15 * MINUTE) }), ...cordoned },
    { do: 'uncordon' },
  ],
  [
    'Stop: stays at SlotVerified',
    { ...phase('Draining', { since: ago(15 * MINUTE) }) },
    { do: 'record', operation: { phase: 'SlotVerified', drainStops: 1 } },
  ],
  [
    'Skip: gives the node up',
    { ...phase('Draining', { since: ago(MINUTE) }), ...cordoned, os: skipPolicy },
    { do: 'record', operation: { phase: 'Finishing' }, verdict: { outcome: 'Skipped' } },
  ],
  [
    'Skip: also when it was refused from the start',
    {
      ...phase('SlotVerified', { since: ago(MINUTE) }),
      os: skipPolicy,
      facts: { blockers: blocked },
    },
    { do: 'record', verdict: { outcome: 'Skipped', reason: 'DrainDeadline' } },
  ],
  [
    'Force: arms undrained',
    { ...phase('Draining', { since: ago(MINUTE) }), ...cordoned, os: forcePolicy },
    { do: 'record', operation: { phase: 'Drained' } },
  ],
  [
    'Force: does not wait twice',
    {
      ...phase('SlotVerified', { since: ago(MINUTE) }),
      os: forcePolicy,
      facts: { blockers: blocked },
    },
    { do: 'record', operation: { phase: 'Draining', since: ago(MINUTE) } },
  ],
  [
    'arms a drained node with its boot id',
    { ...phase('Drained'), ...cordoned },
    { do: 'arm', bootId: 'boot-1' },
  ],
])

const rollback = (agent = described()) => ({
  os: { opstype: 'rollback' as const },
  claim: CLAIM,
  operation: { type: 'rollback' as const },
  agent,
})

check('rolls back only to what is there (decisions 21 and 22)', [
  [
    'goes to SlotVerified when the other slot holds it',
    rollback(),
    { do: 'record', operation: { phase: 'SlotVerified' } },
  ],
  [
    'refuses before the cordon when it does not',
    rollback(
      described({
        slots: [{ name: 'B', booted: false, version: 'KubeOS v3', state: 'bad', tries: 1 }],
      }),
    ),
    {
      do: 'record',
      verdict: {
        outcome: 'Failed',
        reason: 'NoPrevious',
        message: expect.stringContaining('[blocked/no-previous]') as string,
      },
    },
  ],
  [
    'waits for a silent agent',
    rollback({ state: 'unknown', message: 'away' } as never),
    { do: 'wait', reason: 'AgentUnreachable' },
  ],
  [
    "cannot look with upstream's agent",
    rollback({ state: 'documented' } as never),
    { do: 'record', operation: { phase: 'SlotVerified' } },
  ],
  [
    'respects a hold',
    { ...phase('Preparing'), hold: { osUid: 'os-uid', osGeneration: 1, version: V1, at: ago(0) } },
    { do: 'hold' },
  ],
  [
    'until the OS object changes',
    { ...phase('Preparing'), hold: { osUid: 'os-uid', osGeneration: 0, version: V1, at: ago(0) } },
    { do: 'prepare' },
  ],
])
