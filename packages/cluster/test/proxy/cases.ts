// Words of the tables of the proxy's decision, and how a table is run.
import { describe, expect, test } from 'bun:test'
import { OsError } from '@kubenest/base/errors'
import type { FailureFacts } from '../../src/proxy/facts.ts'
import { nextStep } from '../../src/proxy/next-step.ts'
import { timestamp } from '../../src/proxy/operation-record.ts'
import { CLAIM, makeFacts, NOW, type Case } from './fixtures.ts'

export const MINUTE = 60_000
export const ago = (ms: number) => timestamp(NOW - ms)
export const cordoned = { unschedulable: true, mark: CLAIM } as const
export const claimed = { claim: CLAIM, operation: {} } as const
export const phase = (name: string, more: object = {}) =>
  ({ claim: CLAIM, operation: { phase: name, ...more } }) as Case

export function failure(
  step: FailureFacts['step'],
  error: OsError,
  over: Partial<FailureFacts> = {},
): FailureFacts {
  return {
    step,
    operationId: CLAIM,
    error,
    attempts: 1,
    firstMs: NOW - 5000,
    lastMs: NOW - 5000,
    ...over,
  }
}

export function error(kind: OsError['kind'], code: string): OsError {
  return new OsError(kind, { code, message: `${code} happened` })
}

export const task = (kind: 'prepare' | 'drain' | 'activate', state: 'running' | 'done') =>
  ({ task: { kind, operationId: CLAIM, state, startedMs: NOW - 1000 } }) as const

export function check(title: string, cases: readonly (readonly [string, Case, object])[]): void {
  describe(`nextStep() ${title}`, () => {
    test.each(cases)('nextStep() %s', (_name, from, step) => {
      expect(nextStep(makeFacts(from), NOW)).toMatchObject(step)
    })
  })
}
