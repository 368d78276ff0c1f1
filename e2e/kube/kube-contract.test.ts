// The client's contract, and the informer, over a real API server in a lab of the run.
import { expect, test } from 'bun:test'
import { systemClock } from '@kubenest/base/clock'
import { silentLogger } from '@kubenest/base/log'
import { createFetchClient } from '@kubenest/kube/client/fetch-client'
import { describeKubeClientContract } from '@kubenest/kube/client/kube-client.contract'
import { loadKubeConfig } from '@kubenest/kube/client/load-config'
import { LEASES } from '@kubenest/kube/client/resources'
import { createInformer } from '@kubenest/kube/informer/informer'
import { sharedLab } from './harness.ts'

async function realClient() {
  const { kubeconfigPath } = sharedLab()
  return createFetchClient(await loadKubeConfig({ env: {}, kubeconfigPath }))
}

describeKubeClientContract('real API server', async () => ({
  client: await realClient(),
  namespace: 'default',
}))

test('createInformer() follows a real API server and sees a deletion', async () => {
  const client = await realClient()
  const labels = { informer: crypto.randomUUID() }
  const options = { client, clock: systemClock, log: silentLogger, resource: LEASES }
  const informer = createInformer({ ...options, labelSelector: `informer=${labels.informer}` })
  const seen: string[] = []
  const done = Promise.withResolvers<void>()
  informer.onChange(({ old, current }) => {
    seen.push(`${old?.spec?.holderIdentity ?? '-'}>${current?.spec?.holderIdentity ?? '-'}`)
    if (current === undefined) done.resolve()
  })
  const stop = new AbortController()
  const running = informer.run(stop.signal)
  await informer.synced
  const ref = { name: `informer-${labels.informer}`, namespace: 'default' }
  await client.create(LEASES, { metadata: { ...ref, labels }, spec: { holderIdentity: 'a' } })
  const body = { spec: { holderIdentity: 'b' } }
  await client.patch(LEASES, ref, { type: 'merge', body })
  await client.delete(LEASES, ref)
  await done.promise
  stop.abort()
  await running
  expect(seen).toEqual(['->a', 'a>b', 'b>-'])
})
