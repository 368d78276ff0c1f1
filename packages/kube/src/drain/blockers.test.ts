import { describe, expect, test } from 'bun:test'
import type { PodDisruptionBudget } from '@kubenest/api/core/objects'
import { budgetInMessage, renderBlocker, selects } from './blockers.ts'

test('budgetInMessage() finds the name and not the general sentence', () => {
  const words = "Cannot evict pod as it would violate the pod's disruption budget."
  expect(budgetInMessage(words)).toBeUndefined()
  expect(
    budgetInMessage(`${words} The disruption budget web-1.x needs 2 healthy pods and has 2`),
  ).toBe('web-1.x')
  expect(budgetInMessage('The disruption budget web is still being processed by the server.')).toBe(
    'web',
  )
})

test('renderBlocker() names pod and budget', () => {
  const blocker = {
    namespace: 'n',
    name: 'p',
    reason: 'budget',
    message: 'm',
    budget: 'b',
  } as const
  expect(renderBlocker(blocker)).toBe('pod n/p (budget b): m')
})

describe('selects()', () => {
  const pod = { metadata: { name: 'p', labels: { app: 'web', tier: 'x' } } }
  const term = (key: string, operator: string, values?: string[]) => ({
    matchExpressions: [{ key, operator, ...(values && { values }) }],
  })
  const rows: readonly (readonly [object | undefined, boolean])[] = [
    [undefined, false],
    [{}, true],
    [{ matchLabels: { app: 'web' } }, true],
    [{ matchLabels: { app: 'web', tier: 'y' } }, false],
    [term('app', 'In', ['web', 'api']), true],
    [term('app', 'NotIn', ['web']), false],
    [term('none', 'NotIn', ['web']), true],
    [term('app', 'Exists'), true],
    [term('none', 'Exists'), false],
    [term('none', 'DoesNotExist'), true],
    [term('app', 'Strange'), false],
  ]
  for (const [selector, expected] of rows)
    test(`${JSON.stringify(selector)}: ${expected}`, () => {
      const budget = { metadata: { name: 'b' }, spec: { selector } } as PodDisruptionBudget
      expect(selects(budget, pod)).toBe(expected)
    })
})
