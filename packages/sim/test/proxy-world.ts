// One node for tests of the proxy: the fake API server, a machine with two slots and a scripted
// agent, a kubelet, and a proxy that can be killed after any request.
import type { AgentStatus, PrepareUpgradeParams, TrialVerdict } from '@kubenest/api/agent/rpc'
import type { Node, Pod } from '@kubenest/api/core/objects'
import { LABELS, OS_INSTANCE_ANNOTATIONS, OS_INSTANCE_NAMESPACE } from '@kubenest/api/os/names'
import type { OsInstance, OsSpec } from '@kubenest/api/os/os'
import { parseRecord, type OperationRecord, type Verdict } from '@kubenest/api/os/records'
import { OsError, toOsError } from '@kubenest/base/errors'
import { silentLogger } from '@kubenest/base/log'
import type { AgentClient } from '@kubenest/cluster/proxy/agent-client'
import { runProxy } from '@kubenest/cluster/proxy/proxy'
import { NODES, OS_INSTANCES, OSES, PODS } from '@kubenest/kube/client/resources'
import { FakeApiServer, type FakeApiServerOptions } from '../src/fakes/fake-api-server.ts'
import { FakeClock } from '../src/fakes/fake-clock.ts'
import { documentedRules, type FakeRequest, type FakeRules } from '../src/fakes/fake-rbac.ts'

export const NODE = 'n1'
export const V1 = 'KubeOS v1'
export const V2 = 'KubeOS v2'
export const DIGEST = 'ab'.repeat(32)

/** How the world differs from the ordinary one. */
export interface WorldOptions {
  /** How a trial ends. @defaultValue 'Committed' */
  readonly trial?: TrialVerdict
  /** Upstream's agent: the documented four only. */
  readonly documentedAgent?: boolean
  readonly failPrepare?: () => OsError | undefined
  readonly pruneStatus?: FakeApiServerOptions['pruneStatus']
  /** What the proxy may do. @defaultValue the documented ClusterRole */
  readonly rules?: FakeRules
  /** What the agent answers to upgrade and rollback, before it arms anything. */
  readonly failActivate?: () => OsError | undefined
  /**
   * Called for each request of the proxy; `kill` ends the process after the request was applied.
   */
  readonly onRequest?: (request: FakeRequest, kill: () => void) => void
}

const PREPARE_MS = 3000
const REBOOT_MS = 20_000
const TRIAL_MS = 30_000
const RESTART_MS = 2000

export class ProxyWorld {
  readonly clock = new FakeClock()
  readonly server: FakeApiServer
  readonly admin
  /** Calls of changing methods, in order. */
  readonly calls: string[] = []
  readonly reports: boolean[] = []
  readonly machine = {
    boots: 1,
    runs: V1,
    other: V1 as string,
    prepared: undefined as { version: string; id: string } | undefined,
    busy: false,
    trial: undefined as AgentStatus['trial'],
  }
  #process: AbortController | undefined
  #ids = 0
  readonly #options: WorldOptions
  bug: Error | undefined

  constructor(options: WorldOptions = {}) {
    this.#options = options
    const { pruneStatus } = options
    this.server = new FakeApiServer({
      clock: this.clock,
      fault: (request) => this.#onRequest(request),
      ...(pruneStatus === undefined ? {} : { pruneStatus }),
    })
    this.admin = this.server.client()
  }

  /** Node on v1, OS object that wants v2; the proxy runs. */
  async start(spec: OsSpec = {}): Promise<void> {
    await this.admin.create(NODES, {
      metadata: { name: NODE },
      status: {
        nodeInfo: { osImage: V1, bootID: 'boot-1' },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    })
    await this.applyOs(spec)
    this.startProxy()
    await this.until('OSInstance exists', async () => (await this.instance()) !== undefined)
  }

  async applyOs(spec: OsSpec = {}): Promise<void> {
    await this.admin.create(OSES, {
      metadata: { name: 'os', namespace: 'default' },
      spec: {
        opstype: 'upgrade',
        osversion: V2,
        maxunavailable: 1,
        imagetype: 'disk',
        checksum: DIGEST,
        ...spec,
      },
    })
  }

  /** What an operator does: the OSInstance first, then the label. */
  async assign(
    claim: string | undefined,
    spec: object = {},
    label: string = LABELS.upgrading,
  ): Promise<void> {
    await this.patchInstance({
      ...(claim === undefined
        ? {}
        : { metadata: { annotations: { [OS_INSTANCE_ANNOTATIONS.claim]: claim } } }),
      spec: {
        nodestatus: 'upgrade',
        namespacedname: { name: 'os', namespace: 'default' },
        ...spec,
      },
    })
    await this.patchNode({ metadata: { labels: { [label]: '' } } })
  }

  startProxy(): void {
    const process = new AbortController()
    this.#process = process
    const client = this.server.client({
      name: 'proxy',
      rules: this.#options.rules ?? documentedRules,
    })
    const options = {
      nodeName: NODE,
      client,
      agent: this.#agent(),
      clock: this.clock,
      log: silentLogger,
      freshId: () => `own-${(this.#ids += 1)}`,
    }
    runProxy(options, process.signal).catch((error: unknown) => {
      this.bug = toOsError(error)
    })
  }

  kill(): void {
    this.#process?.abort(new Error('killed'))
    this.#process = undefined
  }

  async until(
    what: string,
    condition: () => Promise<boolean> | boolean,
    limitMs = 3_600_000,
  ): Promise<void> {
    const endMs = this.clock.nowMs() + limitMs
    for (;;) {
      await this.clock.settle()
      if (await condition()) return
      if (this.bug !== undefined) throw this.bug
      if (this.clock.nowMs() >= endMs) throw new Error(`never: ${what}`)
      await this.clock.advance(500)
    }
  }

  /** Lets time pass in small steps, so that answers of several turns arrive in between. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      await this.clock.advance(500)
      for (let turn = 0; turn < 20; turn += 1) await this.clock.settle()
    }
  }

  instance(): Promise<OsInstance | undefined> {
    return this.admin.get(OS_INSTANCES, { name: NODE, namespace: OS_INSTANCE_NAMESPACE })
  }

  async node(): Promise<Node> {
    const node = await this.admin.get(NODES, { name: NODE })
    if (node === undefined) throw new Error('no node')
    return node
  }

  async verdict(): Promise<Verdict | undefined> {
    const instance = await this.instance()
    return parseRecord<Verdict>(instance?.metadata.annotations?.[OS_INSTANCE_ANNOTATIONS.verdict])
  }

  async operation(): Promise<OperationRecord | undefined> {
    const instance = await this.instance()
    return parseRecord<OperationRecord>(
      instance?.metadata.annotations?.[OS_INSTANCE_ANNOTATIONS.operation],
    )
  }

  /** Idle, unowned, unlabelled, schedulable. */
  async isClean(): Promise<boolean> {
    const [instance, node] = [await this.instance(), await this.node()]
    const labels = Object.keys(node.metadata.labels ?? {})
    return (
      instance?.spec?.nodestatus === 'idle' &&
      instance.spec.namespacedname === undefined &&
      !labels.includes(LABELS.upgrading) &&
      !labels.includes(LABELS.configuring) &&
      node.spec?.unschedulable !== true
    )
  }

  async patchInstance(body: object): Promise<void> {
    await this.admin.patch(
      OS_INSTANCES,
      { name: NODE, namespace: OS_INSTANCE_NAMESPACE },
      { type: 'merge', body },
    )
  }

  async patchNode(body: object): Promise<void> {
    await this.admin.patch(NODES, { name: NODE }, { type: 'merge', body })
  }

  async patchOs(body: object): Promise<void> {
    await this.admin.patch(OSES, { name: 'os', namespace: 'default' }, { type: 'merge', body })
  }

  async addPod(name: string, over: Partial<Pod> = {}): Promise<void> {
    const metadata = {
      name,
      namespace: 'default',
      labels: { app: name },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid: name, controller: true },
      ],
    }
    await this.admin.create(PODS, {
      metadata,
      spec: { nodeName: NODE },
      status: { phase: 'Running' },
      ...over,
    })
  }

  #onRequest(request: FakeRequest): 'none' | 'fail-after' {
    if (request.identity !== 'proxy') return 'none'
    let killed = false
    this.#options.onRequest?.(request, () => (killed = true))
    if (!killed) return 'none'
    const process = this.#process
    this.clock.schedule(RESTART_MS, () => this.#process === undefined && this.startProxy())
    this.#process = undefined
    queueMicrotask(() => process?.abort(new Error('killed')))
    return 'fail-after'
  }

  #agent(): AgentClient {
    const own = this.#process
    const dead = () => {
      if (own?.signal.aborted === true)
        throw new OsError('transient', { code: 'socket-closed', message: 'dead' })
    }
    const extra = async <T>(answer: () => T): Promise<T | undefined> => {
      await this.clock.settle()
      dead()
      return this.#options.documentedAgent === true ? undefined : answer()
    }
    return {
      prepareUpgrade: async (params) => await this.#prepare(params),
      upgrade: async (extras) => await this.#activate('upgrade', extras?.operation_id),
      rollback: async (extras) => await this.#activate('rollback', extras?.operation_id),
      configure: async (params) => {
        this.calls.push(`configure ${params.configs.map(({ model }) => model).join(',')}`)
        await this.clock.settle()
      },
      status: async () => await extra(() => this.#status()),
      cancel: async () => {
        this.calls.push('cancel')
        await this.clock.settle()
      },
      report: async ({ ready }) => {
        this.reports.push(ready)
        await this.clock.settle()
      },
    }
  }

  async #prepare(params: PrepareUpgradeParams): Promise<void> {
    this.calls.push('prepare')
    const { machine } = this
    if (machine.busy) throw new OsError('blocked', { code: 'busy', message: 'busy' })
    const failure = this.#options.failPrepare?.()
    if (failure !== undefined) throw failure
    if (machine.prepared?.version === params.version) return
    machine.busy = true
    await this.clock.sleep(PREPARE_MS)
    machine.busy = false
    machine.other = params.version
    machine.prepared = { version: params.version, id: params.operation_id ?? '' }
  }

  async #activate(method: string, id = ''): Promise<void> {
    this.calls.push(method)
    const { machine } = this
    if (machine.busy) throw new OsError('blocked', { code: 'busy', message: 'busy' })
    const failure = this.#options.failActivate?.()
    if (failure !== undefined) throw failure
    const operationId = id === '' ? (machine.prepared?.id ?? '') : id
    const image = { digest: DIGEST, version: machine.other }
    machine.trial = {
      operationId,
      image,
      verdict: 'InTrial',
      reasons: [],
      since: new Date(this.clock.nowMs()).toISOString(),
    }
    machine.busy = true
    this.clock.schedule(1000, () => {
      this.kill()
      this.clock.schedule(REBOOT_MS, () => void this.#boot())
    })
    await this.clock.settle()
  }

  /** The new slot boots; the kubelet reports it, then the proxy's pod starts. */
  async #boot(): Promise<void> {
    const { machine } = this
    ;[machine.runs, machine.other] = [machine.other, machine.runs]
    await this.#report()
    const verdict = this.#options.trial ?? 'Committed'
    if (verdict === 'InTrial') return
    this.clock.schedule(TRIAL_MS, () => {
      if (machine.trial !== undefined)
        machine.trial = { ...machine.trial, verdict, reasons: ['sshd.service failed'] }
      if (verdict === 'Committed') return
      ;[machine.runs, machine.other] = [machine.other, machine.runs]
      this.kill()
      this.clock.schedule(REBOOT_MS, () => void this.#report())
    })
  }

  async #report(): Promise<void> {
    const { machine } = this
    machine.boots += 1
    machine.busy = false
    machine.prepared = undefined
    await this.admin.patch(
      NODES,
      { name: NODE },
      {
        type: 'merge',
        body: { status: { nodeInfo: { osImage: machine.runs, bootID: `boot-${machine.boots}` } } },
      },
      { subresource: 'status' },
    )
    this.startProxy()
  }

  #status(): AgentStatus {
    const { machine } = this
    return {
      agentVersion: '1.0.0',
      capabilities: ['status', 'cancel', 'report'],
      bootId: `boot-${machine.boots}`,
      osVersion: machine.runs,
      slots: [
        { name: 'A', booted: true, version: machine.runs, state: 'committed', tries: 0 },
        { name: 'B', booted: false, version: machine.other, state: 'committed', tries: 0 },
      ],
      degraded: [],
      ...(machine.trial === undefined || machine.boots === 1 ? {} : { trial: machine.trial }),
    }
  }
}
