// The lab itself, seen from outside: control plane, second lab beside it, end with its owner.
import { expect, test } from 'bun:test'
import * as fs from 'node:fs'
import { runLab, sharedLab, startTestLab } from './harness.ts'

test('lab prepare finds what lab up has used, and builds nothing again', () => {
  sharedLab()
  expect(runLab(['prepare'])).toBe('All that labs need is here.\n')
}, 60_000)

test('lab up returns when a pod can be made', () => {
  const pod = ['run', 'first', '--image=example/first', '--dry-run=server', '-o', 'name']
  expect(sharedLab().kubectl(pod).trim()).toBe('pod/first')
}, 60_000)

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

test('a lab whose supervisor is killed takes all of its programs with it', async () => {
  const lab = startTestLab()
  const record = JSON.parse(fs.readFileSync(`${lab.stateFolder}/lab.json`, 'utf8')) as {
    supervisor: { pid: number }
    processes: { identity: { pid: number } }[]
  }
  const pids = record.processes.map((each) => each.identity.pid)
  expect(pids.filter(isAlive)).toEqual(pids)
  process.kill(record.supervisor.pid, 'SIGKILL')
  for (let looks = 0; pids.some(isAlive) && looks < 100; looks += 1) await Bun.sleep(50)
  expect(pids.filter(isAlive)).toEqual([])
  lab.stop()
  expect(fs.existsSync(lab.stateFolder)).toBe(false)
}, 60_000)

/** Neither gone nor a remains that nobody has collected yet. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    // Gone.
    return false
  }
}
