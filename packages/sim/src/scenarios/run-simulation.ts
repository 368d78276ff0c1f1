// One run: a seed in, a broken invariant or none out. Chaos first, then the calm, in which
// everything has to come to rest; often the OS object is deleted at the end.
import { toOsError } from '@kubenest/base/errors'
import { makeAllInvariants } from '../invariants/all-invariants.ts'
import type { Invariant } from '../invariants/invariant.ts'
import { seededRandom } from './seeded-random.ts'
import { People } from './people.ts'
import { makeScenario, type Scenario } from './scenario.ts'
import { SimulatedCluster, type Sabotage } from './simulated-cluster.ts'

/** A broken invariant. */
export interface Violation {
  readonly invariant: string
  readonly message: string
}

/** What became of a run. */
export interface SimulationResult {
  readonly scenario: Scenario
  readonly violation: Violation | undefined
  /** Writes to the API server. */
  readonly writes: number
  readonly virtualMs: number
  /** The last lines of what happened, oldest first. */
  readonly tail: (count: number) => string[]
}

const OS_AFTER_MS = 1500
const STEP_MS = 5000
/** Nothing may be written for this long before a state counts as rest. */
const REST_MS = 15_000
/** Longer than every patience of the product one after the other, short of giving up for good. */
const CALM_MS_MAX = 45 * 60_000

/** Runs one seed. */
export async function runSimulation(
  seed: number,
  sabotage: Sabotage = {},
): Promise<SimulationResult> {
  const restore = seededRandom(seed)
  try {
    return await new Simulation(makeScenario(seed), sabotage).run()
  } finally {
    restore()
  }
}

class Simulation {
  readonly #scenario: Scenario
  readonly #invariants: readonly Invariant[]
  readonly #cluster: SimulatedCluster
  readonly #people: People
  #violation: Violation | undefined
  readonly #patienceMs: number
  #lastWriteMs = 0

  constructor(scenario: Scenario, sabotage: Sabotage) {
    this.#scenario = scenario
    const { only, patienceMs = CALM_MS_MAX } = sabotage
    this.#patienceMs = patienceMs
    this.#invariants = makeAllInvariants().filter(({ id }) => only === undefined || id === only)
    this.#cluster = new SimulatedCluster(scenario, sabotage, {
      onBug: (message) => this.#break('bug', message),
      onAgent: (event) => {
        this.#cluster.trace.note(`${event.node} ${event.what} ${event.image.version}`)
        for (const { id, onAgent } of this.#invariants)
          this.#break(id, onAgent?.(event, this.#cluster))
      },
    })
    this.#people = new People(this.#cluster, scenario.spec)
    this.#watchWrites()
  }

  async run(): Promise<SimulationResult> {
    try {
      await this.#begin()
      await this.#chaos()
      if (this.#violation === undefined) await this.#calm()
    } catch (thrown) {
      this.#break('bug', toOsError(thrown).message)
    }
    this.#cluster.stop()
    const { trace, server, clock } = this.#cluster
    return {
      scenario: this.#scenario,
      violation: this.#violation,
      writes: server.store.history.length,
      virtualMs: clock.monotonicMs(),
      tail: (count) => trace.tail(count),
    }
  }

  #watchWrites(): void {
    const cluster = this.#cluster
    cluster.server.store.onChange((change) => {
      cluster.trace.change(change)
      this.#lastWriteMs = cluster.clock.monotonicMs()
      for (const { id, onChange } of this.#invariants) this.#break(id, onChange?.(change, cluster))
    })
  }

  async #begin(): Promise<void> {
    const cluster = this.#cluster
    for (const node of cluster.fleet) await node.register({ isNewMachine: false })
    await cluster.workload.start()
    cluster.startOperators()
    await cluster.clock.advance(OS_AFTER_MS)
    await this.#people.apply()
  }

  async #chaos(): Promise<void> {
    const { clock } = this.#cluster
    for (const { atMs, deed } of this.#scenario.actions) {
      await clock.advance(Math.max(0, atMs - clock.monotonicMs()))
      if (this.#violation !== undefined) return
      await this.#people.perform(deed)
    }
    await clock.advance(Math.max(0, this.#scenario.chaosMs - clock.monotonicMs()))
  }

  async #calm(): Promise<void> {
    const cluster = this.#cluster
    cluster.trace.note('the calm begins')
    await cluster.calmDown()
    cluster.startOperators()
    for (const node of cluster.fleet) node.startProxy()
    await this.#people.edit({ timewindow: null, rollout: { paused: null } })
    await this.#comeToRest()
    if (!this.#scenario.endsWithDeletion || this.#violation !== undefined) return
    cluster.trace.note('the OS object is deleted at the end')
    await this.#people.deleteOs()
    await this.#comeToRest()
  }

  /** Looks until nothing is broken at rest; what is still broken at the limit is a violation. */
  async #comeToRest(): Promise<void> {
    const { clock } = this.#cluster
    const endMs = clock.monotonicMs() + this.#patienceMs
    for (;;) {
      await clock.advance(STEP_MS)
      if (this.#violation !== undefined) return
      const found = this.#atRest()
      if (found === undefined) return
      if (clock.monotonicMs() >= endMs) this.#break(found.invariant, found.message)
    }
  }

  #atRest(): Violation | undefined {
    const cluster = this.#cluster
    const quietMs = cluster.clock.monotonicMs() - this.#lastWriteMs
    for (const { id, atRest } of this.#invariants) {
      const message = atRest?.(cluster)
      if (message !== undefined) return { invariant: id, message: `${message} (at rest)` }
    }
    const open = cluster.fleet.find(({ machine }) => machine.isArmed || !machine.isUp)
    if (open !== undefined) return { invariant: 'I23', message: `${open.name} is left armed` }
    if (quietMs >= REST_MS) return undefined
    return { invariant: 'I19', message: 'writing to the API server never ends' }
  }

  #break(invariant: string, message: string | undefined): void {
    if (message === undefined || this.#violation !== undefined) return
    this.#violation = { invariant, message }
    this.#cluster.trace.note(`BROKEN ${invariant}: ${message}`)
  }
}
