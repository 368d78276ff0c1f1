import { describe, expect, test } from 'bun:test'
import type { Pod } from '@kubenest/api/core/objects'
import { classifyPod } from './classify-pod.ts'

const owner = (kind: string) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'o', uid: 'u', controller: true }],
})
const mirror = { annotations: { 'kubernetes.io/config.mirror': 'x' } }
const local = { volumes: [{ name: 'v', emptyDir: {} }] }

function pod(metadata: object, spec?: object, phase = 'Running'): Pod {
  return {
    metadata: { name: 'p', namespace: 'n', ...metadata },
    spec: { ...spec },
    status: { phase },
  }
}

describe('classifyPod()', () => {
  // Rows of the table in contract 3.5: pod, without force, with force.
  const rows: readonly (readonly [string, Pod, string, string])[] = [
    ['owned', pod(owner('ReplicaSet')), 'evict', 'evict'],
    ['DaemonSet', pod(owner('DaemonSet')), 'refuse', 'skip'],
    ['finished DaemonSet', pod(owner('DaemonSet'), {}, 'Failed'), 'evict', 'evict'],
    ['mirror', pod(mirror), 'skip', 'skip'],
    ['finished mirror', pod(mirror, {}, 'Succeeded'), 'skip', 'skip'],
    ['local storage', pod(owner('ReplicaSet'), local), 'refuse', 'evict'],
    ['finished with local storage', pod(owner('Job'), local, 'Succeeded'), 'evict', 'evict'],
    ['unmanaged', pod({}), 'refuse', 'evict'],
    ['finished unmanaged', pod({}, {}, 'Failed'), 'evict', 'evict'],
    ['terminating', pod({ deletionTimestamp: 't' }), 'wait', 'wait'],
    [
      'terminating DaemonSet',
      pod({ ...owner('DaemonSet'), deletionTimestamp: 't' }),
      'refuse',
      'skip',
    ],
  ]
  for (const [name, each, without, withForce] of rows)
    test(`${name}: ${without}, with force ${withForce}`, () => {
      expect(classifyPod(each, { force: false }).action).toBe(without as 'evict')
      expect(classifyPod(each, { force: true }).action).toBe(withForce as 'evict')
    })

  test('skips our own proxy pod alone', () => {
    const own = pod({ ...owner('DaemonSet'), name: 'proxy-x' })
    expect(classifyPod(own, { force: false, ownPodName: 'proxy-x' }).action).toBe('skip')
    expect(classifyPod(own, { force: false, ownPodName: 'n/proxy-x' }).action).toBe('skip')
    expect(classifyPod(own, { force: false, ownPodName: 'm/proxy-x' }).action).toBe('refuse')
  })

  test('names the remedy', () => {
    expect(JSON.stringify(classifyPod(pod({}), { force: false }))).toContain('evictpodforce: true')
  })
})
