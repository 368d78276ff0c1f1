// Rows of contract 3.3 with the decisions that change them. Each case states its row or decision.
import { expect } from 'bun:test'
import {
  MINUTE,
  ago,
  check,
  claimed,
  cordoned,
  error,
  failure,
  phase,
} from '../../test/proxy/cases.ts'
import { CLAIM, DIGEST, NOW, V1, V2 } from '../../test/proxy/fixtures.ts'
import { timestamp } from './operation-record.ts'

function settingsCall(version: string, state: 'running' | 'done') {
  const operationId = `${CLAIM}/upgradeconfigs/${version}`
  return { task: { kind: 'configure', operationId, state, startedMs: NOW - 1000 } } as const
}

const settingsWork = {
  runs: V2,
  status: 'config',
  labels: ['configuring'],
  sys: ['c2', 'c2', 'c1'],
  ...phase('Finishing', { type: 'config' }),
} as const
const restartFailed = failure('configure', error('host', 'service-not-staying'), {
  operationId: `${CLAIM}/sysconfigs/c2/restart`,
  lastMs: NOW - MINUTE,
})

check('follows the decision table', [
  ['creates a missing OSInstance', { facts: { instance: undefined } }, { do: 'ensureInstance' }],
  [
    'needs the node first',
    { facts: { instance: undefined, node: undefined } },
    { do: 'fail', error: { code: 'node-missing' } },
  ],
  ['row 1: leaves an unowned node alone', { owned: false, status: 'idle' }, { do: 'rest' }],
  ['waits while the OS object is read', { os: 'loading' }, { do: 'wait', reason: 'OsLoading' }],
  [
    'row 3: needs node info',
    { facts: { node: { metadata: { name: 'openeuler' } } } },
    { do: 'fail', error: { code: 'node-without-info' } },
  ],
  [
    'row 4: releases when sysconfigs changed during config',
    { runs: V2, status: 'config', labels: ['configuring'], sys: ['c2', 'c1', 'c1'] },
    {
      do: 'idle',
      operation: { endedAt: timestamp(NOW) },
      verdict: { outcome: 'Aborted', reason: 'SettingsChanged' },
    },
  ],
  [
    'row 4: without a label, too',
    { runs: V2, status: 'config', labels: [], sys: ['c2', 'c1', 'c1'] },
    { do: 'idle' },
  ],
  [
    'row 5 and X9: takes new sysconfigs during upgrade, kernel lines swapped',
    {
      runs: V2,
      sys: ['c2', 'c1', 'c1'],
      os: {
        sysconfigs: { version: 'c2', configs: [{ model: 'grub.cmdline.current', contents: [] }] },
      },
    },
    {
      do: 'replaceSysconfigs',
      sysconfigs: { version: 'c2', configs: [{ model: 'grub.cmdline.next' }] },
    },
  ],
  [
    'row 6: takes the label off an idle node',
    { runs: V2, status: 'idle' },
    { do: 'removeLabel', label: 'upgrade.openeuler.org/upgrading' },
  ],
  [
    'row 6: only after a fresh read',
    { runs: V2, status: 'idle', facts: { isInstanceFresh: false } },
    { do: 'refreshInstance' },
  ],
  ['row 6: our cordon first', { runs: V2, status: 'idle', ...cordoned }, { do: 'uncordon' }],
  [
    'row 7: opens the finish of an operation it did not begin',
    { runs: V2 },
    { do: 'record', operation: { id: 'fresh', phase: 'Finishing' } },
  ],
  [
    'row 7: applies sysconfigs first',
    { runs: V2, sys: ['c2', 'c2', 'c1'], ...cordoned, ...phase('Finishing') },
    { do: 'configure', kind: 'sysconfigs' },
  ],
  [
    'row 7: restarts services for settings alone, when asked to',
    { ...settingsWork, os: { opstype: 'config', rollout: { restartServices: true } } },
    { do: 'configure', restart: true, operationId: `${CLAIM}/sysconfigs/c2/restart` },
  ],
  [
    'row 7: restarts nothing at the end of an upgrade',
    {
      ...settingsWork,
      ...phase('Finishing'),
      os: { rollout: { restartServices: true } },
    },
    { do: 'configure', restart: false },
  ],
  ['row 7: restarts nothing as documented', settingsWork, { do: 'configure', restart: false }],
  [
    'row 7: does not disturb a service again that did not stay up',
    {
      ...settingsWork,
      os: { opstype: 'config', rollout: { restartServices: true } },
      facts: { failure: restartFailed },
    },
    { do: 'rest', reason: 'ServiceNotStaying', message: 'service-not-staying happened' },
  ],
  [
    'row 7: applies them without a restart once that is no longer asked for',
    { ...settingsWork, os: { opstype: 'config' }, facts: { failure: restartFailed } },
    { do: 'configure', restart: false, operationId: `${CLAIM}/sysconfigs/c2` },
  ],
  [
    'row 7: finishes with the settings when osversion went back to what the node runs',
    {
      os: { osversion: V1, checksum: 'cd'.repeat(32) },
      sys: ['c2', 'c2', 'c1'],
      ...phase('Draining'),
    },
    {
      do: 'record',
      operation: { id: CLAIM, phase: 'Finishing', image: { digest: 'cd'.repeat(32), version: V1 } },
    },
  ],
  ['row 7: then uncordons', { runs: V2, ...cordoned, ...phase('Finishing') }, { do: 'uncordon' }],
  [
    'row 7: then becomes idle with its verdict',
    { runs: V2, ...phase('Finishing') },
    {
      do: 'idle',
      operation: { endedAt: timestamp(NOW) },
      verdict: { id: CLAIM, outcome: 'Succeeded' },
    },
  ],
  [
    'row 7: the label is the last to go',
    { owned: false, status: 'idle', runs: V2, ...phase('Finishing', { endedAt: timestamp(NOW) }) },
    { do: 'removeLabel' },
  ],
  ['row 8: nothing without a label', { runs: V2, labels: [] }, { do: 'rest' }],
  [
    'row 9: config on another version is begun, so that its refusal has a name',
    { os: { opstype: 'config' }, status: 'config', labels: ['configuring'], claim: CLAIM },
    { do: 'record', operation: { id: CLAIM, type: 'config', phase: 'Configuring' } },
  ],
  [
    'row 9: then says upgrade first',
    {
      os: { opstype: 'config' },
      status: 'config',
      labels: ['configuring'],
      ...phase('Configuring', { type: 'config' }),
    },
    { do: 'fail', error: { kind: 'invalid', code: 'upgrade-first' } },
  ],
  [
    'row 9: takes our cordon back first when a begun upgrade was edited into config',
    { os: { opstype: 'config' }, ...phase('Draining'), ...cordoned },
    { do: 'uncordon' },
  ],
  [
    'row 10: releases when upgradeconfigs changed',
    { up: ['c2', 'c1', 'c1'], ...claimed },
    { do: 'idle', verdict: { outcome: 'Aborted' } },
  ],
  [
    'row 10: uncordons before',
    { up: ['c2', 'c1', 'c1'], ...claimed, ...cordoned },
    { do: 'uncordon' },
  ],
  ['row 11: takes the label off an idle node', { status: 'idle' }, { do: 'removeLabel' }],
  [
    'row 12: opens the operation',
    { claim: CLAIM },
    {
      do: 'record',
      operation: {
        id: CLAIM,
        type: 'upgrade',
        phase: 'Configuring',
        image: { digest: DIGEST, version: V2 },
      },
    },
  ],
  [
    'row 12: applies upgradeconfigs',
    { up: ['c2', 'c2', 'c1'], ...claimed },
    { do: 'configure', kind: 'upgradeconfigs' },
  ],
  [
    'row 12: waits while the agent applies them',
    { up: ['c2', 'c2', 'c1'], ...claimed, facts: settingsCall('c2', 'running') },
    { do: 'wait', reason: 'Configuring', keeps: 'configure' },
  ],
  [
    'row 12: writes down that they are applied',
    { up: ['c2', 'c2', 'c1'], ...claimed, facts: settingsCall('c2', 'done') },
    { do: 'recordApplied', kind: 'upgradeconfigs' },
  ],
  [
    'row 12: takes no other version for applied',
    { up: ['c3', 'c3', 'c1'], ...claimed, facts: settingsCall('c2', 'done') },
    { do: 'configure', operationId: `${CLAIM}/upgradeconfigs/c3` },
  ],
  [
    'row 12: restarts no service before a reboot',
    { up: ['c2', 'c2', 'c1'], ...claimed, os: { rollout: { restartServices: true } } },
    { do: 'configure', kind: 'upgradeconfigs', restart: false },
  ],
  ['row 12: then prepares', { ...claimed }, { do: 'record', operation: { phase: 'Preparing' } }],
  [
    'row 13: waits for the label',
    { labels: [], ...claimed },
    { do: 'rest', reason: 'WaitingForLabel' },
  ],
  [
    'takes unknown nodestatus for busy',
    { status: 'rollback' as 'upgrade', claim: CLAIM },
    { do: 'record' },
  ],
])

const ended = (outcome: 'Failed' | 'FellBack') => ({
  operation: { id: 'own', phase: 'Finishing' as const },
  verdict: { id: 'own', outcome },
})

check('ends failures by who assigned the node (decisions 8 to 10)', [
  [
    'takes no verdict of an earlier operation for its own',
    { runs: V2, ...phase('Finishing'), verdict: { id: 'earlier', outcome: 'Failed' } },
    { do: 'idle', verdict: { id: CLAIM, outcome: 'Succeeded' } },
  ],
  [
    'says that another version is wanted by now',
    { ...phase('Finishing') },
    { do: 'idle', verdict: { outcome: 'Aborted', reason: 'TargetChanged' } },
  ],
  [
    'decision 9: an outcome that is reached is a success without the OS object',
    { os: 'absent', runs: V2, ...phase('Finishing') },
    { do: 'idle', verdict: { outcome: 'Succeeded' } },
  ],
  [
    'decision 9: a verdict that was written stands without the OS object',
    { os: 'absent', ...phase('Finishing'), verdict: { outcome: 'FellBack' } },
    { do: 'idle', verdict: { outcome: 'FellBack' } },
  ],
  [
    'decision 9: settings that were never begun end as settings',
    { os: 'absent', claim: CLAIM, status: 'config' },
    { do: 'idle', operation: { type: 'config' }, verdict: { outcome: 'Aborted' } },
  ],
  [
    'decision 9: settings that were not applied are no success, whatever the node runs',
    {
      os: 'absent',
      runs: V2,
      status: 'config',
      sys: ['c2', 'c2', 'c1'],
      ...phase('Finishing', { type: 'config' }),
    },
    { do: 'idle', verdict: { outcome: 'Aborted', reason: 'OsDeleted' } },
  ],
  [
    'decision 9: settings that were applied are one',
    {
      os: 'absent',
      status: 'config',
      sys: ['c2', 'c2', 'c2'],
      ...phase('Finishing', { type: 'config' }),
    },
    { do: 'idle', verdict: { outcome: 'Succeeded' } },
  ],
  [
    'unclaimed: a skipped node keeps its place, too',
    { operation: { id: 'own', phase: 'Finishing' }, verdict: { id: 'own', outcome: 'Skipped' } },
    { do: 'rest' },
  ],

  [
    'claimed: uncordons',
    { ...phase('Finishing'), ...cordoned, verdict: { outcome: 'FellBack' } },
    { do: 'uncordon' },
  ],
  [
    'claimed: idle with the same verdict',
    { ...phase('Finishing'), verdict: { outcome: 'FellBack', reason: 'TrialUnhealthy' } },
    { do: 'idle', verdict: { outcome: 'FellBack', reason: 'TrialUnhealthy' } },
  ],
  ['unclaimed: keeps its place', { ...ended('Failed') }, { do: 'rest' }],
  ['unclaimed: uncordons all the same', { ...ended('FellBack'), ...cordoned }, { do: 'uncordon' }],
  [
    'unclaimed: a new image begins anew',
    { ...ended('FellBack'), os: { checksum: 'ef'.repeat(32) } },
    { do: 'record', operation: { id: 'fresh', phase: 'Configuring' } },
  ],
  [
    'unclaimed: new upgradeconfigs release it',
    { ...ended('Failed'), up: ['c2', 'c1', 'c1'] },
    { do: 'idle' },
  ],
  [
    'unclaimed: leave for another attempt begins anew',
    {
      ...ended('FellBack'),
      osAnnotations: {
        'kubenest.io/attempt': JSON.stringify({
          token: 't1',
          image: { digest: DIGEST, version: V2 },
        }),
      },
    },
    { do: 'record', operation: { id: 'fresh', attempt: 't1' } },
  ],
  [
    'a stamp of an ended operation is no claim',
    { claim: CLAIM, operation: { phase: 'Finishing', endedAt: ago(MINUTE) } },
    { do: 'record', operation: { id: 'fresh', phase: 'Configuring' } },
  ],
  [
    'adopts a half-finished node after the reboot',
    { runs: V2, unschedulable: true },
    { do: 'record', operation: { adopted: true } },
  ],
  [
    'and lifts that cordon',
    { runs: V2, unschedulable: true, operation: { id: 'own', phase: 'Finishing', adopted: true } },
    { do: 'uncordon' },
  ],
  [
    'never adopts with a claim',
    { runs: V2, unschedulable: true, claim: CLAIM },
    { do: 'record', operation: expect.not.objectContaining({ adopted: true }) as object },
  ],
  [
    "A16: an admin's cordon stays",
    { runs: V2, unschedulable: true, ...phase('Finishing') },
    { do: 'idle' },
  ],
  [
    'decision 9: aborts before Armed',
    { os: 'absent', ...phase('Preparing') },
    { do: 'idle', verdict: { outcome: 'Aborted', reason: 'OsDeleted' } },
  ],
  [
    'decision 9: uncordons before',
    { os: 'absent', ...phase('Draining'), ...cordoned },
    { do: 'uncordon' },
  ],
  [
    'decision 9: what was never begun ends, too',
    { os: 'absent', claim: CLAIM },
    { do: 'idle', operation: { id: CLAIM, endedAt: timestamp(NOW) } },
  ],
  [
    'I23: a cordon of ours on an unowned node goes',
    { owned: false, status: 'idle', ...cordoned },
    { do: 'uncordon' },
  ],
  ['X: a label without an end of ours stays', { owned: false, status: 'idle' }, { do: 'rest' }],
])
