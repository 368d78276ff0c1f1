// Carries out what people and bad luck do. A person's edit is a merge patch without conditions, as
// kubectl sends it.
import { OS_ANNOTATIONS } from '@kubenest/api/os/names'
import type { OsSpec } from '@kubenest/api/os/os'
import { imageIdentity } from '@kubenest/api/os/records'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { NODES, OSES } from '@kubenest/kube/client/resources'
import type { Deed, OsDeed, PartDeed } from './plan-actions.ts'
import { digestOf, versionName } from './scenario.ts'
import type { SimulatedCluster } from './simulated-cluster.ts'

const OS_REF = { name: 'os', namespace: 'default' } as const

/** People with their hands on one cluster. */
export class People {
  readonly #cluster: SimulatedCluster
  readonly #admin: KubeClient
  /** The object as somebody exported it before it was deleted. */
  #exported: { spec: OsSpec; annotations: Record<string, string> }
  #grants = 0

  constructor(cluster: SimulatedCluster, spec: OsSpec) {
    this.#cluster = cluster
    this.#admin = cluster.server.client({ name: 'admin' })
    this.#exported = { spec, annotations: {} }
  }

  async apply(withAnnotations = false): Promise<void> {
    if (this.#cluster.os !== undefined) return
    const { spec, annotations } = this.#exported
    const metadata = { ...OS_REF, ...(withAnnotations ? { annotations } : {}) }
    await this.#admin.create(OSES, { metadata, spec })
  }

  async edit(spec: object): Promise<void> {
    if (this.#cluster.os === undefined) return
    await this.#admin.patch(OSES, OS_REF, { type: 'merge', body: { spec } })
  }

  async deleteOs(): Promise<void> {
    const { os } = this.#cluster
    if (os?.spec === undefined) return
    this.#exported = { spec: os.spec, annotations: os.metadata.annotations ?? {} }
    await this.#admin.delete(OSES, OS_REF)
  }

  async perform(deed: Deed): Promise<void> {
    this.#cluster.trace.note(`deed: ${JSON.stringify(deed)}`)
    await (isOsDeed(deed) ? this.#performOnOs(deed) : this.#performOnParts(deed))
  }

  async #performOnOs(deed: OsDeed): Promise<void> {
    switch (deed.do) {
      case 'setVersion':
        return await this.edit(upgradeTo(deed.number))
      case 'rollBack':
        return await this.edit({ ...upgradeTo(deed.number), opstype: 'rollback' })
      case 'pause':
        return await this.edit({ rollout: { paused: deed.paused } })
      case 'setCap':
        return await this.edit({ maxunavailable: deed.cap })
      case 'setSelector':
        return await this.edit({ nodeselector: deed.selector })
      case 'setMode':
        return await this.edit({ executionmode: deed.mode })
      case 'setMaxFailures':
        return await this.edit({ rollout: { maxFailures: deed.count } })
      case 'grant':
        return await this.#grant()
      case 'deleteOs':
        return await this.deleteOs()
      case 'applyOs':
        return await this.apply(deed.withAnnotations)
    }
  }

  async #performOnParts(deed: PartDeed): Promise<void> {
    const cluster = this.#cluster
    const node = 'node' in deed ? cluster.fleet[deed.node] : undefined
    switch (deed.do) {
      case 'cordon':
      case 'uncordon':
        return await this.#setUnschedulable(node?.name ?? '', deed.do === 'cordon')
      case 'deleteNode':
        return await node?.unregister()
      case 'createNode':
        return await node?.register({ isNewMachine: deed.isNewMachine })
      case 'cutPower':
        return node?.machine.cutPower()
      case 'killProxy':
        node?.killProxy()
        cluster.clock.schedule(deed.forMs, () => node?.startProxy())
        return
      case 'killOperator':
        cluster.killOperator(deed.operator)
        cluster.clock.schedule(deed.forMs, () => cluster.startOperators())
        return
      case 'dropWatches':
        return cluster.dropWatches()
      case 'silenceWatches':
        return cluster.server.silenceWatches()
      case 'compact':
        return cluster.server.compact()
      case 'outage':
        return cluster.beginOutage(deed.forMs)
    }
  }

  /** As `kubectl cordon` does: nothing is written when it already is so. */
  async #setUnschedulable(name: string, wanted: boolean): Promise<void> {
    const node = this.#cluster.node(name)
    if (node === undefined || (node.spec?.unschedulable === true) === wanted) return
    const body = { spec: { unschedulable: wanted ? true : null } }
    await this.#admin.patch(NODES, { name }, { type: 'merge', body })
  }

  async #grant(): Promise<void> {
    const { os } = this.#cluster
    if (os === undefined) return
    const grant = {
      token: `grant-${(this.#grants += 1)}`,
      image: imageIdentity(os.spec?.checksum, os.spec?.osversion ?? ''),
      at: new Date(this.#cluster.nowMs).toISOString(),
    }
    const annotations = { [OS_ANNOTATIONS.attempt]: JSON.stringify(grant) }
    await this.#admin.patch(OSES, OS_REF, { type: 'merge', body: { metadata: { annotations } } })
  }
}

const OS_DEEDS: ReadonlySet<string> = new Set<OsDeed['do']>([
  'setVersion',
  'rollBack',
  'pause',
  'setCap',
  'setSelector',
  'setMode',
  'setMaxFailures',
  'grant',
  'deleteOs',
  'applyOs',
])

function isOsDeed(deed: Deed): deed is OsDeed {
  return OS_DEEDS.has(deed.do)
}

function upgradeTo(number: number): Partial<OsSpec> {
  const osversion = versionName(number)
  return { opstype: 'upgrade', osversion, checksum: digestOf(osversion) }
}
