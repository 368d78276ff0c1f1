// A cluster in memory with the whole operator running in it: tests change objects and look at
// objects.
import type { Node } from '@kubenest/api/core/objects'
import { LABELS, OS_ANNOTATIONS, OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { Os, OsInstance, OsInstanceSpec, OsSpec } from '@kubenest/api/os/os'
import {
  parseRecord,
  type Claim,
  type RolloutRecord,
  type VerdictOutcome,
} from '@kubenest/api/os/records'
import { silentLogger } from '@kubenest/base/log'
import { utcZone } from '@kubenest/base/time-zone'
import { NODES, OSES, OS_INSTANCES } from '@kubenest/kube/client/resources'
import { FakeApiServer, type FakeApiServerOptions } from '@kubenest/sim/fakes/fake-api-server'
import { FakeClock } from '@kubenest/sim/fakes/fake-clock'
import type { FakeRequest, FakeRules } from '@kubenest/sim/fakes/fake-rbac'
import { runOperator } from '../src/operator/operator.ts'

/** Options of a world. */
export interface WorldOptions extends Omit<FakeApiServerOptions, 'clock'> {
  rules?: FakeRules
  startMs?: number
}

/** A running operator in a cluster of fakes. */
export class OperatorWorld {
  readonly clock: FakeClock
  readonly server: FakeApiServer
  readonly requests: FakeRequest[] = []
  readonly #admin
  readonly #rules: FakeRules
  #stop = new AbortController()
  #running: Promise<void>[] = []
  #ids = 0

  constructor(options: WorldOptions = {}) {
    this.clock = new FakeClock(options.startMs)
    const { rules, startMs: _, ...rest } = options
    this.server = new FakeApiServer({ ...rest, clock: this.clock })
    this.#admin = this.server.client()
    this.#rules = (request) => {
      this.requests.push(request)
      return rules === undefined || rules(request)
    }
  }

  /** Starts an operator; several may run. */
  start(name = 'operator'): void {
    const client = this.server.client({ name, rules: this.#rules })
    const newId = () => `${name}-${(this.#ids += 1)}`
    const deps = { client, clock: this.clock, log: silentLogger, zone: utcZone, newId }
    this.#running.push(runOperator(deps, this.#stop.signal))
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.clock.advance(1000)
    await Promise.all(this.#running)
    this.#running = []
    this.#stop = new AbortController()
  }

  /** Lets time pass. */
  async run(ms = 1000): Promise<void> {
    await this.clock.advance(ms)
  }

  async node(name: string, version: string, labels: Record<string, string> = {}): Promise<void> {
    await this.#admin.create(NODES, {
      metadata: { name, labels },
      status: { nodeInfo: { osImage: version, bootID: `boot-${name}-1` } },
    })
  }

  async instance(
    name: string,
    spec: OsInstanceSpec = { nodestatus: 'idle' },
    namespace = 'default',
  ) {
    const labels = { [LABELS.osInstanceNode]: name }
    await this.#admin.create(OS_INSTANCES, { metadata: { name, namespace, labels }, spec })
  }

  /** Nodes with idle OSInstances. */
  async nodes(names: readonly string[], version: string): Promise<void> {
    for (const name of names) {
      await this.node(name, version)
      await this.instance(name)
    }
  }

  async os(name: string, spec: OsSpec, namespace = 'default'): Promise<void> {
    await this.#admin.create(OSES, { metadata: { name, namespace, generation: 1 }, spec })
  }

  async changeOs(name: string, body: object, namespace = 'default'): Promise<void> {
    await this.#admin.patch(OSES, { name, namespace }, { type: 'merge', body })
  }

  async changeNode(name: string, body: object): Promise<void> {
    await this.#admin.patch(NODES, { name }, { type: 'merge', body })
  }

  /** What the kubelet reports. */
  async setNodeStatus(name: string, status: object): Promise<void> {
    const patch = { type: 'merge' as const, body: { status } }
    await this.#admin.patch(NODES, { name }, patch, { subresource: 'status' })
  }

  async changeInstance(name: string, body: object): Promise<void> {
    await this.#admin.patch(OS_INSTANCES, { name, namespace: 'default' }, { type: 'merge', body })
  }

  async remove(kind: 'os' | 'node', name: string): Promise<void> {
    if (kind === 'node') await this.#admin.delete(NODES, { name })
    else await this.#admin.delete(OSES, { name, namespace: 'default' })
  }

  async getNode(name: string): Promise<Node> {
    return found(await this.#admin.get(NODES, { name }))
  }

  async findInstance(name: string, namespace = 'default'): Promise<OsInstance | undefined> {
    return await this.#admin.get(OS_INSTANCES, { name, namespace })
  }

  async getInstance(name: string, namespace = 'default'): Promise<OsInstance> {
    return found(await this.findInstance(name, namespace))
  }

  async getOs(name: string, namespace = 'default'): Promise<Os> {
    return found(await this.#admin.get(OSES, { name, namespace }))
  }

  async claims(os: string): Promise<Claim[]> {
    const text = (await this.getOs(os)).metadata.annotations?.[OS_ANNOTATIONS.claims]
    return parseRecord<Claim[]>(text) ?? []
  }

  async record(os: string): Promise<RolloutRecord | undefined> {
    const text = (await this.getOs(os)).metadata.annotations?.[OS_ANNOTATIONS.rollout]
    return parseRecord<RolloutRecord>(text)
  }

  async condition(os: string, type: string): Promise<string> {
    const { status } = await this.getOs(os)
    const found = status?.conditions?.find((each) => each.type === type)
    return `${found?.status}/${found?.reason}`
  }

  /** Names of nodes with the operation label. */
  async labelled(label: 'upgrading' | 'configuring' | 'serial' = 'upgrading'): Promise<string[]> {
    const page = await this.#admin.list(NODES)
    return page.items
      .filter(({ metadata }) => metadata.labels?.[LABELS[label]] !== undefined)
      .map(({ metadata }) => metadata.name)
      .sort()
  }

  /** Ends the work on a node as our proxy does: verdict, idle, label last. */
  async finish(
    name: string,
    version: string,
    outcome: VerdictOutcome = 'Succeeded',
  ): Promise<void> {
    if (outcome === 'Succeeded')
      await this.setNodeStatus(name, { nodeInfo: { osImage: version, bootID: `boot-${name}-2` } })
    const instance = await this.getInstance(name)
    const id = instance.metadata.annotations?.[OS_INSTANCE_ANNOTATIONS.claim] ?? ''
    const verdict = {
      id,
      image: { digest: '', version },
      operation: 'upgrade',
      outcome,
      reason: 'TrialUnhealthy',
      message: 'it was not healthy',
      at: new Date(this.clock.nowMs()).toISOString(),
    }
    const annotations = { [OS_INSTANCE_ANNOTATIONS.verdict]: JSON.stringify(verdict) }
    await this.changeInstance(name, {
      metadata: { annotations },
      spec: { nodestatus: 'idle', namespacedname: null },
    })
    const labels = { [LABELS.upgrading]: null, [LABELS.configuring]: null }
    await this.changeNode(name, { metadata: { labels } })
  }

  /** Writes that the operator made. */
  writes(): FakeRequest[] {
    return this.requests.filter(({ verb }) =>
      ['create', 'update', 'patch', 'delete'].includes(verb),
    )
  }
}

function found<T>(object: T | undefined): T {
  if (object === undefined) throw new Error('the object does not exist')
  return object
}
