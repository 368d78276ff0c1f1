// One node: a machine with its agent, a kubelet that reports it, and the proxy's pod, which dies
// with the machine and is started again by the kubelet.
import { LABELS } from '@kubenest/api/os/names'
import type { Node } from '@kubenest/api/core/objects'
import type { Clock } from '@kubenest/base/clock'
import { toOsError } from '@kubenest/base/errors'
import { silentLogger } from '@kubenest/base/log'
import type { AgentClient } from '@kubenest/cluster/proxy/agent-client'
import { runProxy } from '@kubenest/cluster/proxy/proxy'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { NODES } from '@kubenest/kube/client/resources'
import { FakeAgent, type AgentEvent, type ImageOutcome } from '../fakes/fake-agent.ts'
import { SimulatedProcess, type Crash } from '../faults/simulated-process.ts'
import type { Dice } from './dice.ts'
import { versionName, type NodePlan } from './scenario.ts'

const READY_AFTER_MS = 1000

/** What a node needs of the cluster. */
export interface NodeSurroundings {
  readonly clock: Clock
  readonly dice: Dice
  readonly kubelet: KubeClient
  readonly proxy: KubeClient
  readonly wrapAgent: (client: AgentClient) => AgentClient
  readonly countsTrials: boolean
  readonly outcomeOf: (node: string, version: string) => ImageOutcome
  readonly crash: (isWrite: boolean) => Crash
  readonly freshId: () => string
  readonly note: (text: string) => void
  readonly onEvent: (event: AgentEvent) => void
  /** The proxy ended by itself: a bug. */
  readonly onBug: (message: string) => void
}

/** See the head of this file. */
export class SimulatedNode {
  readonly plan: NodePlan
  readonly #around: NodeSurroundings
  #machine: FakeAgent
  #life: SimulatedProcess | undefined
  #isRegistered = false
  #machines = 0

  constructor(plan: NodePlan, around: NodeSurroundings) {
    this.plan = plan
    this.#around = around
    this.#machine = this.#newMachine()
  }

  get name(): string {
    return this.plan.name
  }

  get machine(): FakeAgent {
    return this.#machine
  }

  get isRegistered(): boolean {
    return this.#isRegistered
  }

  /** The kubelet registers the node, and its pods start. */
  async register(options: { isNewMachine: boolean }): Promise<void> {
    if (this.#isRegistered) return
    if (options.isNewMachine) this.#machine = this.#newMachine()
    this.#isRegistered = true
    const { pool } = this.plan
    const labels = pool === undefined ? {} : { labels: { [LABELS.nodeSelector]: pool } }
    const node: Node = { metadata: { name: this.name, ...labels }, status: this.#report(true) }
    await this.#around.kubelet.create(NODES, node)
    await this.#tell(true)
    this.#startSoon()
  }

  /** Somebody deletes the Node: its pods go, the machine stays. */
  async unregister(): Promise<void> {
    this.#isRegistered = false
    this.killProxy()
    await this.#around.kubelet.delete(NODES, { name: this.name })
  }

  killProxy(): void {
    this.#life?.kill()
    this.#life = undefined
  }

  startProxy(): void {
    const isRunning = this.#life !== undefined && !this.#life.isDead
    if (isRunning || !this.#isRegistered || !this.#machine.isUp) return
    const { clock, crash, proxy, freshId, onBug, note, wrapAgent } = this.#around
    const life = new SimulatedProcess({
      clock,
      crash,
      onCrash: () => {
        note(`proxy-${this.name} crashes`)
        this.#startSoon()
      },
    })
    this.#life = life
    note(`proxy-${this.name} starts`)
    const options = {
      nodeName: this.name,
      client: life.kube(proxy),
      agent: life.agent(wrapAgent(this.#machine.client())),
      clock: life.clock(),
      log: silentLogger,
      freshId,
    }
    runProxy(options, life.signal).catch((thrown: unknown) => {
      if (!life.isDead) onBug(`proxy-${this.name}: ${toOsError(thrown).message}`)
    })
  }

  #newMachine(): FakeAgent {
    const { clock, outcomeOf, countsTrials, onEvent, note } = this.#around
    const { prepareMs, rebootMs, trialMs, name } = this.plan
    const machine: FakeAgent = new FakeAgent({
      node: name,
      machineId: `${name}-${(this.#machines += 1)}`,
      clock,
      version: versionName(1),
      outcomeOf: (version) => outcomeOf(name, version),
      prepareMs,
      rebootMs,
      trialMs,
      counts: countsTrials,
      onEvent,
      onDown: () => {
        // A machine that was replaced has nothing to say any more.
        if (this.#machine !== machine) return
        note(`${name} goes down`)
        this.killProxy()
      },
      onUp: () => this.#machine === machine && this.#onUp(),
    })
    return machine
  }

  #onUp(): void {
    const { clock, dice, note } = this.#around
    note(`${this.name} runs ${this.#machine.runs} as ${this.#machine.bootId}`)
    clock.schedule(dice.between(100, 3000), () => {
      void this.#tell(false)
      clock.schedule(READY_AFTER_MS, () => void this.#tell(true))
    })
    this.#startSoon()
  }

  #startSoon(): void {
    const { clock, dice } = this.#around
    clock.schedule(dice.between(100, 8000), () => this.startProxy())
  }

  async #tell(isReady: boolean): Promise<void> {
    if (!this.#isRegistered || !this.#machine.isUp) return
    const body = { status: this.#report(isReady) }
    const subresource = 'status' as const
    const patch = { type: 'merge' as const, body }
    await this.#around.kubelet.patch(NODES, { name: this.name }, patch, { subresource })
  }

  #report(isReady: boolean): NonNullable<Node['status']> {
    const { runs, bootId } = this.#machine
    return {
      nodeInfo: { osImage: runs, bootID: bootId },
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    }
  }
}
