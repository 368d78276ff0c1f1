// A cluster in memory: the fake API server with its faults, operators, nodes and pods. Everything
// random comes from the seed; the calm ends every fault.
import type { Node, Pod } from '@kubenest/api/core/objects'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import { OsError, toOsError } from '@kubenest/base/errors'
import { silentLogger } from '@kubenest/base/log'
import { utcZone } from '@kubenest/base/time-zone'
import { runOperator } from '@kubenest/cluster/operator/operator'
import type { AgentClient } from '@kubenest/cluster/proxy/agent-client'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import type { AgentEvent, ImageOutcome } from '../fakes/fake-agent.ts'
import { FakeApiServer, type FakeFault } from '../fakes/fake-api-server.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { documentedRules, type FakeRequest, type FakeRules } from '../fakes/fake-rbac.ts'
import { SimulatedProcess, type Crash } from '../faults/simulated-process.ts'
import type { World } from '../invariants/invariant.ts'
import { isOurs } from '../invariants/invariant.ts'
import { INSTANCE_COLLECTION, NODE_COLLECTION, OS_COLLECTION } from '../invariants/read-records.ts'
import { createDice, type Dice } from './dice.ts'
import { outcomeKey, type Scenario } from './scenario.ts'
import { SimulatedNode } from './simulated-node.ts'
import { Trace } from './trace.ts'
import { Workload } from './workload.ts'

/** Parts that a test breaks on purpose, to see that the invariants find it. */
export interface Sabotage {
  readonly operator?: (client: KubeClient) => KubeClient
  readonly proxy?: (client: KubeClient) => KubeClient
  readonly agent?: (client: AgentClient) => AgentClient
  /** Looks for this invariant alone. @defaultValue all */
  readonly only?: string
  /** How long a run may take to come to rest. @defaultValue 45 minutes */
  readonly patienceMs?: number
  /** An agent that counts no trials. */
  readonly forgetsTrials?: boolean
}

/** A process ended by an error that no cluster state explains. */
export interface ClusterHooks {
  readonly onBug: (message: string) => void
  readonly onAgent: (event: AgentEvent) => void
}

const FAULT_STREAM = 0x5eed
const OPERATOR_START_MS_MAX = 8000

/** See the head of this file. */
export class SimulatedCluster implements World {
  readonly clock = new FakeClock()
  readonly server: FakeApiServer
  readonly trace = new Trace(this.clock)
  readonly fleet: readonly SimulatedNode[]
  readonly workload: Workload
  readonly #scenario: Scenario
  readonly #sabotage: Sabotage
  readonly #hooks: ClusterHooks
  readonly #dice: Dice
  readonly #operators = new Map<number, SimulatedProcess>()
  #ids = 0
  #isCalm = false
  #outageUntilMs = 0

  constructor(scenario: Scenario, sabotage: Sabotage, hooks: ClusterHooks) {
    this.#scenario = scenario
    this.#sabotage = sabotage
    this.#hooks = hooks
    this.#dice = createDice(scenario.seed ^ FAULT_STREAM)
    this.server = this.#createServer()
    this.fleet = scenario.nodes.map(
      (plan) => new SimulatedNode(plan, this.#surroundings(plan.name)),
    )
    this.workload = new Workload({
      server: this.server,
      clock: this.clock,
      dice: this.#dice,
      plans: scenario.pods,
      nodeNames: scenario.nodes.map(({ name }) => name),
    })
  }

  // The world, as invariants see it.

  get nowMs(): number {
    return this.clock.nowMs()
  }

  get os(): Os | undefined {
    return this.server.store.get(OS_COLLECTION, 'default/os')
  }

  get nodes(): readonly Node[] {
    return this.server.store.list(NODE_COLLECTION)
  }

  get instances(): readonly OsInstance[] {
    return this.server.store.list(INSTANCE_COLLECTION)
  }

  get pods(): readonly Pod[] {
    return this.server.store.list('/pods')
  }

  get keepsStatus(): boolean {
    return !this.#scenario.prunesStatus
  }

  get mayClaim(): boolean {
    return this.#scenario.rights !== 'no-claims'
  }

  node(name: string): Node | undefined {
    return this.server.store.get(NODE_COLLECTION, name)
  }

  instance(name: string): OsInstance | undefined {
    return this.server.store.get(INSTANCE_COLLECTION, `default/${name}`)
  }

  machine(name: string) {
    return this.fleet.find((node) => node.name === name)?.machine
  }

  outcome(node: string, version: string): ImageOutcome {
    return this.#scenario.outcomes.get(outcomeKey(node, version)) ?? 'good'
  }

  // What happens to it.

  startOperator(number: number): void {
    const running = this.#operators.get(number)
    if (running !== undefined && !running.isDead) return
    const name = `operator-${number}`
    const life = new SimulatedProcess({
      clock: this.clock,
      crash: (isWrite) => this.#crash(isWrite),
      onCrash: () => {
        this.trace.note(`${name} crashes`)
        const afterMs = this.#dice.between(100, OPERATOR_START_MS_MAX)
        this.clock.schedule(afterMs, () => this.startOperator(number))
      },
    })
    this.#operators.set(number, life)
    this.trace.note(`${name} starts`)
    const wrap = this.#sabotage.operator ?? same
    const deps = {
      client: life.kube(wrap(this.#client(name))),
      clock: life.clock(),
      log: silentLogger,
      zone: utcZone,
      newId: () => this.#freshId('claim'),
    }
    runOperator(deps, life.signal).catch((thrown: unknown) => {
      if (!life.isDead) this.#hooks.onBug(`${name}: ${toOsError(thrown).message}`)
    })
  }

  startOperators(): void {
    for (let number = 0; number < this.#scenario.operators; number += 1) this.startOperator(number)
  }

  killOperator(number: number): void {
    this.#operators.get(number)?.kill()
  }

  /** Every request of ours fails, and watches break. */
  beginOutage(forMs: number): void {
    this.#outageUntilMs = this.clock.monotonicMs() + forMs
    this.dropWatches()
  }

  dropWatches(): void {
    this.server.dropWatches(
      new OsError('transient', { code: 'kube-unavailable', message: 'the connection broke' }),
    )
  }

  /** No fault from here on. */
  async calmDown(): Promise<void> {
    this.#isCalm = true
    this.#outageUntilMs = 0
    await this.workload.calmDown()
  }

  /** Ends all processes, so that the next run begins with nothing of this one. */
  stop(): void {
    for (const life of this.#operators.values()) life.kill()
    for (const node of this.fleet) node.killProxy()
  }

  #createServer(): FakeApiServer {
    const { unkindness, prunesStatus } = this.#scenario
    const { lagMs, delayMs } = unkindness
    return new FakeApiServer({
      clock: this.clock,
      fault: (request) => this.#fault(request),
      watchLagMs: () => (this.#isCalm || lagMs === 0 ? 0 : this.#dice.between(0, lagMs)),
      delayMs: ({ identity }) =>
        this.#isCalm || delayMs === 0 || !isOurs(identity) ? 0 : this.#dice.between(0, delayMs),
      ...(prunesStatus ? { pruneStatus } : {}),
    })
  }

  #fault({ identity, verb }: FakeRequest): FakeFault {
    if (!isOurs(identity)) return 'none'
    if (this.clock.monotonicMs() < this.#outageUntilMs) return 'fail-before'
    if (this.#isCalm || !this.#dice.chance(this.#scenario.unkindness.failPerRequest)) return 'none'
    this.trace.note(`a ${verb} of ${identity} fails`)
    return this.#dice.pick(['fail-before', 'fail-after'])
  }

  #crash(isWrite: boolean): Crash {
    const { crashPerWrite } = this.#scenario.unkindness
    if (this.#isCalm || !isWrite || !this.#dice.chance(crashPerWrite)) return 'none'
    return this.#dice.pick(['before', 'after'])
  }

  #client(name: string): KubeClient {
    const rules = RULES[this.#scenario.rights]
    return this.server.client({ name, ...(rules === undefined ? {} : { rules }) })
  }

  #freshId(prefix: string): string {
    return `${prefix}-${(this.#ids += 1)}`
  }

  #surroundings(name: string) {
    const { proxy = same, agent = same, forgetsTrials = false } = this.#sabotage
    return {
      clock: this.clock,
      dice: this.#dice,
      kubelet: this.server.client({ name: 'kubelet' }),
      proxy: proxy(this.#client(`proxy-${name}`)),
      wrapAgent: agent,
      countsTrials: !forgetsTrials,
      outcomeOf: (node: string, version: string) => this.outcome(node, version),
      crash: (isWrite: boolean) => this.#crash(isWrite),
      freshId: () => this.#freshId('own'),
      note: (text: string) => this.trace.note(text),
      onEvent: (event: AgentEvent) => this.#hooks.onAgent(event),
      onBug: (message: string) => this.#hooks.onBug(message),
    }
  }
}

const RULES: Readonly<Record<Scenario['rights'], FakeRules | undefined>> = {
  documented: documentedRules,
  everything: undefined,
  'no-claims': (request) =>
    documentedRules(request) && !(request.verb === 'patch' && request.resource === 'os'),
}

function same<T>(client: T): T {
  return client
}

/** As upstream's CRDs: an OS keeps no status, an OSInstance its settings only. */
function pruneStatus(plural: string, status: unknown): object | undefined {
  if (plural === 'os') return {}
  if (plural !== 'osinstances') return undefined
  const { sysconfigs, upgradeconfigs } = (status ?? {}) as Record<string, object | undefined>
  return {
    ...(sysconfigs === undefined ? {} : { sysconfigs }),
    ...(upgradeconfigs === undefined ? {} : { upgradeconfigs }),
  }
}
