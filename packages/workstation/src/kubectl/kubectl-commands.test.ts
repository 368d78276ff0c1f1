import { describe, expect, test } from 'bun:test'
import type { Os } from '@kubenest/api/os/os'
import { OS_ANNOTATIONS } from '@kubenest/api/os/names'
import type { AttemptGrant, RolloutRecord } from '@kubenest/api/os/records'
import { OSES } from '@kubenest/kube/client/resources'
import { FakeApiServer } from '@kubenest/sim/fakes/fake-api-server'
import { FakeClock } from '@kubenest/sim/fakes/fake-clock'
import { allowTrial, showRollouts } from './kubectl-commands.ts'

const REF = { namespace: 'edge', name: 'os-sample' }

describe('allowTrial()', () => {
  test('grants the present image to every node that failed', async () => {
    const { deps, client } = await cluster(['node-1', 'node-2'])
    expect(await allowTrial(deps, REF, [])).toBe(
      'Allowed one more trial of KubeOS 3 on every node\n',
    )
    const image = { digest: 'abcd', version: 'KubeOS 3' }
    const { at, ...grant } = grantOf(await client.get(OSES, REF))
    expect(grant).toEqual({ token: 'token-1', image })
    expect(at).toMatch(/^\d{4}-\d\d-\d\dT/)
  })

  test('grants it to the named node alone', async () => {
    const { deps, client } = await cluster(['node-1', 'node-2'])
    await allowTrial(deps, REF, ['node-2'])
    expect(grantOf(await client.get(OSES, REF)).nodes).toEqual(['node-2'])
  })

  test('refuses a node that did not fail, and names those that did', async () => {
    const { deps, client } = await cluster(['node-1'])
    await expect(allowTrial(deps, REF, ['node-9'])).rejects.toMatchObject({
      code: 'nothing-to-allow',
      message: expect.stringMatching(/--node node-9.*failed are node-1/),
    })
    expect((await client.get(OSES, REF))?.metadata.annotations).not.toHaveProperty(
      OS_ANNOTATIONS.attempt,
    )
  })

  test('refuses when nothing failed, and an object that does not exist', async () => {
    const { deps } = await cluster([])
    await expect(allowTrial(deps, REF, [])).rejects.toThrow('nothing holds it back')
    await expect(allowTrial(deps, { ...REF, name: 'x' }, [])).rejects.toThrow('no OS object edge/x')
  })
})

describe('showRollouts()', () => {
  test('shows numbers, and the most urgent sentence', async () => {
    const { deps } = await cluster([], {
      nodes: 5,
      updated: 2,
      updating: 1,
      failed: 1,
      conditions: [
        condition('Progressing', 'True', 'Halted', 'goes on'),
        condition('Degraded', 'True', 'MaxFailures', '1 of 5 nodes failed'),
        condition('Paused', 'False', 'NotPaused', 'not paused'),
      ],
    })
    expect((await showRollouts(deps)).split('\n')).toEqual([
      'NAMESPACE   NAME        OPERATION   TARGET     NODES   UPDATED   WORKING   FAILED',
      'edge        os-sample   upgrade     KubeOS 3   5       2         1         1',
      '',
      'edge/os-sample: Degraded (MaxFailures): 1 of 5 nodes failed',
      '',
    ])
  })

  test('does not tell what is not so', async () => {
    const { deps } = await cluster([], {
      conditions: [
        condition('Degraded', 'False', 'AsExpected', 'nothing failed'),
        condition('Progressing', 'True', 'AtWork', '1 node at work'),
      ],
    })
    expect(await showRollouts(deps)).toEndWith(
      'edge/os-sample: Progressing (AtWork): 1 node at work\n',
    )
  })

  test('shows a dash where the operator has not spoken yet, and keeps to the namespace', async () => {
    const { deps } = await cluster([])
    expect(await showRollouts(deps, 'edge')).toMatch(/KubeOS 3 +- +- +- +-\n$/)
    expect(await showRollouts(deps, 'default')).toBe('There are no OS objects\n')
  })
})

async function cluster(failed: string[], status?: Os['status']) {
  const clock = new FakeClock()
  const client = new FakeApiServer({ clock }).client()
  const image = { digest: 'abcd', version: 'KubeOS 3' }
  const failures = failed.map((node) => ({ node }))
  const record = { image, startedAt: '', failures } as unknown as RolloutRecord
  await client.create(OSES, {
    apiVersion: 'upgrade.openeuler.org/v1alpha1',
    kind: 'OS',
    metadata: { ...REF, annotations: { [OS_ANNOTATIONS.rollout]: JSON.stringify(record) } },
    spec: { opstype: 'upgrade', osversion: 'KubeOS 3', checksum: 'sha256:ABCD' },
  })
  const patch = { type: 'merge', body: { status: status ?? {} } } as const
  await client.patch(OSES, REF, patch, { subresource: 'status' })
  let tokens = 0
  return { client, deps: { client, clock, freshToken: () => `token-${++tokens}` } }
}

function condition(type: string, status: 'True' | 'False', reason: string, message: string) {
  return { type, status, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z' }
}

function grantOf(os: Os | undefined): AttemptGrant {
  return JSON.parse(os?.metadata.annotations?.[OS_ANNOTATIONS.attempt] ?? '{}') as AttemptGrant
}
