// The lab itself, seen from outside: control plane, second lab beside it, end with its owner.
import { expect, test } from 'bun:test'
import * as fs from 'node:fs'
import { sharedLab } from './harness.ts'

test('lab up answers through its own kubeconfig only', () => {
  const lab = sharedLab()
  expect(lab.kubectl(['get', '--raw=/readyz']).trim()).toBe('ok')
  expect(fs.statSync(lab.kubeconfigPath).mode & 0o777).toBe(0o600)
  expect(fs.statSync(lab.stateFolder).mode & 0o777).toBe(0o700)
}, 60_000)

test('lab up runs a controller manager, so that budgets get a status', () => {
  const lab = sharedLab()
  const budget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'budget', namespace: 'default' },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'nothing' } } },
  }
  lab.kubectl(['apply', '-f', '-'], JSON.stringify(budget))
  const condition = 'jsonpath={.status.observedGeneration}=1'
  lab.kubectl(['wait', 'pdb/budget', `--for=${condition}`, '--timeout=20s'])
  expect(lab.kubectl(['get', 'pdb/budget', '-o', 'jsonpath={.status.observedGeneration}'])).toBe(
    '1',
  )
}, 60_000)
