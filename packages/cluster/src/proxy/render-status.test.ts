import { describe, expect, test } from 'bun:test'
import { OsError } from '@kubenest/base/errors'
import {
  CLAIM,
  described,
  makeAgent,
  makeFacts,
  NOW,
  V2,
  type Case,
} from '../../test/proxy/fixtures.ts'
import { nextStep } from './next-step.ts'
import { timestamp } from './operation-record.ts'
import { renderStatus } from './render-status.ts'

function statusOf(from: Case) {
  const facts = makeFacts(from)
  if (facts.instance === undefined) throw new Error('no instance')
  const stall = undefined
  return renderStatus({ facts, step: nextStep(facts, NOW), stall }, facts.instance, NOW)
}

function condition(from: Case, type: string) {
  return statusOf(from).conditions?.find((each) => each.type === type)
}

const inPhase = (phase: string, more: Case = {}) => ({
  claim: CLAIM,
  operation: { phase: phase as 'Armed', bootId: 'boot-1' },
  ...more,
})

describe('renderStatus()', () => {
  test('renderStatus() shows slots and agent of a node that was never touched', () => {
    const status = statusOf({ owned: false, status: 'idle', labels: [] })
    expect(status.agentVersion).toBe('1.0.0')
    expect(status.slots?.map(({ name, booted }) => [name, booted])).toEqual([
      ['A', true],
      ['B', false],
    ])
    expect(status.conditions).toMatchObject([
      { type: 'Degraded', status: 'False', lastTransitionTime: timestamp(NOW) },
    ])
    expect(status.operation).toBeUndefined()
  })

  test('renderStatus() shows the bytes of the running preparation only', () => {
    const work = {
      type: 'prepare' as const,
      running: true,
      phase: 'Writing' as const,
      bytesDone: 5,
      bytesTotal: 9,
      attempt: 1,
      since: '',
      message: 'Writing',
    }
    const running = statusOf({
      ...inPhase('Preparing'),
      agent: described({ operation: { id: CLAIM, ...work } }),
    })
    expect(running.operation).toMatchObject({
      id: CLAIM,
      phase: 'Preparing',
      bytesDone: 5,
      bytesTotal: 9,
    })
    const other = statusOf({
      ...inPhase('Preparing'),
      agent: described({ operation: { id: 'other', ...work } }),
    })
    expect(other.operation).not.toHaveProperty('bytesDone')
  })

  test.each([
    ['Preparing', 'False', 'False', 'False'],
    ['SlotVerified', 'True', 'False', 'False'],
    ['Drained', 'True', 'True', 'False'],
    ['Armed', 'True', 'True', 'True'],
    ['Finishing', 'False', 'False', 'False'],
  ])('renderStatus() tells in phase %s what is reached', (phase, verified, drained, armed) => {
    const from = inPhase(phase)
    expect(
      [condition(from, 'SlotVerified'), condition(from, 'Drained'), condition(from, 'Armed')].map(
        (each) => each?.status,
      ),
    ).toEqual([verified, drained, armed] as never)
  })

  test('renderStatus() names what blocks a drain, and quotes it as last error', () => {
    const blockers = {
      operationId: CLAIM,
      blockers: ['pod default/web (budget web): no'],
      nextMs: NOW + 1,
      looks: 1,
      stops: 0,
      force: false,
    }
    const from = { ...inPhase('SlotVerified'), facts: { blockers } }
    expect(condition(from, 'Degraded')).toMatchObject({
      status: 'True',
      reason: 'DrainBlocked',
      message: 'Cannot drain: pod default/web (budget web): no',
    })
    expect(statusOf(from).operation?.lastError).toContain('[blocked/drain-blocked]')
  })

  test('renderStatus() does not take an agent that is still at work for an error', () => {
    const error = new OsError('blocked', { code: 'busy', message: 'busy' })
    const failure = {
      step: 'prepare' as const,
      operationId: CLAIM,
      error,
      attempts: 3,
      firstMs: NOW - 9000,
      lastMs: NOW,
    }
    const from = { ...inPhase('Preparing'), facts: { failure } }
    expect(statusOf(from).operation?.lastError).toBeUndefined()
    expect(condition(from, 'Degraded')).toMatchObject({ status: 'False' })
  })

  test('renderStatus() mirrors what waits for a restart and calls drift Degraded', () => {
    const message = 'vm.swappiness is 60, 10 was applied'
    const drift = { model: 'kernel.sysctl', path: '/proc/sys/vm/swappiness', key: 'vm.swappiness' }
    const settings = {
      changedAt: timestamp(NOW),
      canUndo: true,
      waiting: [
        { target: 'kubelet.service' as const, since: timestamp(NOW), paths: ['/etc/kubelet.yaml'] },
      ],
      drift: [{ ...drift, kind: 'changed' as const, message }],
      driftCount: 3,
    }
    const idle = { owned: false, status: 'idle', labels: [] } as const
    const drifted = { ...idle, agent: described({ settings }) }
    const { canUndo: _, ...mirrored } = settings
    expect(statusOf(drifted).settings).toEqual(mirrored)
    expect(condition(drifted, 'Degraded')).toMatchObject({
      status: 'True',
      reason: 'SettingsDrift',
      message: `A setting is no longer as it was applied: ${message} (and 2 more, see status.settings.drift). Apply the wanted settings under a new sysconfigs.version`,
    })
    const same = {
      ...idle,
      agent: described({ settings: { ...settings, drift: [], driftCount: 0 } }),
    }
    expect(condition(same, 'Degraded')).toMatchObject({ status: 'False' })
    expect(statusOf(idle).settings).toBeUndefined()
  })

  test('renderStatus() shows a failed configure as Degraded with the message of the agent', () => {
    const error = new OsError('invalid', {
      code: 'settings-model-unknown',
      message: 'Cannot set x',
    })
    const failure = {
      step: 'configure' as const,
      operationId: `${CLAIM}/upgradeconfigs/c2`,
      error,
      attempts: 1,
      firstMs: NOW,
      lastMs: NOW,
    }
    const from = { ...inPhase('Configuring'), up: ['c2', 'c2', 'c1'] as const, facts: { failure } }
    expect(condition(from, 'Degraded')).toMatchObject({
      status: 'True',
      reason: 'SettingsModelUnknown',
      message: 'Cannot set x',
    })
    expect(statusOf(from).operation?.lastError).toBe(
      '[invalid/settings-model-unknown] Cannot set x',
    )
  })

  test('renderStatus() keeps a fallback visible, with its reason, until the next verdict', () => {
    const from: Case = {
      owned: false,
      status: 'idle',
      labels: [],
      operation: { phase: 'Finishing', endedAt: timestamp(NOW) },
      verdict: { outcome: 'FellBack', reason: 'TrialUnhealthy', message: 'sshd failed' },
    }
    expect(condition(from, 'FellBack')).toMatchObject({
      status: 'True',
      reason: 'TrialUnhealthy',
      message: 'sshd failed',
    })
    expect(condition(from, 'TrialPassed')?.status).toBe('False')
    expect(statusOf(from).operation).toMatchObject({ phase: 'FellBack', message: 'sshd failed' })
    expect(condition({ ...from, verdict: { outcome: 'Succeeded' } }, 'TrialPassed')?.status).toBe(
      'True',
    )
  })

  test('renderStatus() says when the trial is under way, the agent is away or not as it should be', () => {
    const agent = described({
      bootId: 'boot-2',
      trial: {
        operationId: CLAIM,
        image: { digest: '', version: V2 },
        verdict: 'InTrial',
        reasons: ['unit a is activating'],
        since: '',
      },
    })
    expect(condition({ ...inPhase('Trial'), agent }, 'TrialPassed')).toMatchObject({
      status: 'Unknown',
      reason: 'InTrial',
      message: 'The new slot runs on trial; the node itself decides; unit a is activating',
    })
    const idle: Case = { owned: false, status: 'idle', labels: [] }
    expect(
      condition({ ...idle, agent: { state: 'unknown', message: 'no socket' } }, 'Degraded'),
    ).toMatchObject({ status: 'True', reason: 'AgentUnreachable', message: 'no socket' })
    const degraded = {
      state: 'described' as const,
      status: makeAgent({ degraded: [{ reason: 'NoTrial', message: 'foreign agent' }] }),
    }
    expect(condition({ ...idle, agent: degraded }, 'Degraded')).toMatchObject({
      status: 'True',
      reason: 'NoTrial',
    })
  })
})
