// The fake API server is held to the same contract as the real one.
import { systemClock } from '@kubenest/base/clock'
import { describeKubeClientContract } from '@kubenest/kube/client/kube-client.contract'
import { FakeApiServer } from './fake-api-server.ts'

describeKubeClientContract('fake API server', async () => {
  const server = new FakeApiServer({ clock: systemClock })
  return {
    client: server.client(),
    namespace: 'default',
    compact: async () => server.compact(),
  }
})
