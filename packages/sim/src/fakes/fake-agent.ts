// A machine with two slots, its agent and its boots, in memory: journal-like state outlives proxies
// and reboots, every image behaves on it as the scenario says, and trials are counted by image.
import type {
  AgentStatus,
  OperationExtras,
  PrepareUpgradeParams,
  TrialVerdict,
} from '@kubenest/api/agent/rpc'
import { imageIdentity, type ImageIdentity } from '@kubenest/api/os/records'
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import type { AgentClient } from '@kubenest/cluster/proxy/agent-client'

/**
 * What becomes of an image on one machine. `flaky`: preparing fails some times, then it is good.
 */
export type ImageOutcome = 'good' | 'flaky' | 'integrity' | 'panics' | 'unhealthy'

/** One thing that happened on a machine. */
export interface AgentEvent {
  readonly node: string
  readonly what: 'prepared' | 'armed' | 'rebooted' | 'committed' | 'fell-back'
  readonly image: ImageIdentity
  readonly operationId: string
  /** Trials of this image that failed here before, and leave that was given for more. */
  readonly failures: number
  readonly allowed: number
}

/** What the machine needs and whom it tells. */
export interface FakeAgentOptions {
  readonly node: string
  /** Another one for each machine of that name; boot ids begin with it. */
  readonly machineId: string
  readonly clock: Clock
  /** PRETTY_NAME in both slots at first. */
  readonly version: string
  readonly outcomeOf: (version: string) => ImageOutcome
  readonly prepareMs: number
  readonly rebootMs: number
  readonly trialMs: number
  /**
   * Whether a failed image is refused; false is an agent that counts nothing. @defaultValue true
   */
  readonly counts?: boolean
  readonly onEvent: (event: AgentEvent) => void
  /** Power goes: every pod of the node ends. */
  readonly onDown: () => void
  /** The kernel runs. */
  readonly onUp: () => void
}

type SlotName = 'A' | 'B'
type SlotState = AgentStatus['slots'][number]['state']

interface Slot {
  image: ImageIdentity
  state: SlotState
}

interface Operation {
  readonly id: string
  readonly image: ImageIdentity
  readonly target: SlotName
}

interface Tries {
  failures: number
  allowed: number
  readonly tokens: Set<string>
}

const FLAKY_FAILURES = 3
const FLAKY_MS = 500
/** Between the answer to `upgrade` and the loss of power. */
const DOWN_AFTER_MS = 1000

/** The machine and its agent. */
export class FakeAgent {
  readonly #options: FakeAgentOptions
  readonly #slots: Record<SlotName, Slot>
  readonly #tries = new Map<string, Tries>()
  readonly #flaky = new Map<string, number>()
  #booted: SlotName = 'A'
  #boots = 1
  #isUp = true
  #phase: 'Idle' | 'SlotVerified' | 'Armed' = 'Idle'
  #operation: Operation | undefined
  #trial: AgentStatus['trial']
  #running: { cancelled: boolean } | undefined

  constructor(options: FakeAgentOptions) {
    this.#options = options
    const image = imageIdentity(undefined, options.version)
    this.#slots = { A: { image, state: 'committed' }, B: { image, state: 'committed' } }
  }

  get bootId(): string {
    return `${this.#options.machineId}-boot-${this.#boots}`
  }

  get runs(): string {
    return this.#slots[this.#booted].image.version
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Armed, rebooting or on trial: the outcome is open. */
  get isArmed(): boolean {
    return this.#phase === 'Armed'
  }

  /** The image that runs has passed its trial. */
  hasCommitted(version: string): boolean {
    const slot = this.#slots[this.#booted]
    return slot.state === 'committed' && slot.image.version === version
  }

  /** Calls as a client sees them; `upstream` knows only the documented four. */
  client(): AgentClient {
    return {
      prepareUpgrade: (params) => this.#prepare(params),
      upgrade: (extras) => this.#upgrade(extras),
      rollback: (extras) => this.#rollBack(extras),
      configure: () => this.#answer(() => {}),
      status: () => this.#answer(() => this.#status()),
      cancel: () => this.#answer(() => this.#cancel()),
      report: () => this.#answer(() => {}),
    }
  }

  /** A person gives leave on the node (`os-agent allow`). */
  allow(image: ImageIdentity): void {
    this.#triesOf(image).allowed += 1
  }

  /** A power cut: the machine starts again with the slot that the boot loader selects. */
  cutPower(): void {
    if (this.#isUp) this.#goDown()
  }

  async #answer<T>(answer: () => T): Promise<T> {
    await Promise.resolve()
    if (!this.#isUp) throw unreachable()
    return answer()
  }

  async #prepare(params: PrepareUpgradeParams): Promise<void> {
    const image = imageIdentity(params.check_sum, params.version)
    await this.#answer(() => this.#admit(image, params.attempt))
    if (this.#isPrepared(image)) return
    const running = { cancelled: false }
    this.#running = running
    const target = this.#other()
    const boot = this.#boots
    this.#slots[target] = { image, state: 'writing' }
    this.#phase = 'Idle'
    const failure = this.#prepareFailure(image.version)
    try {
      const lastsMs = failure?.kind === 'transient' ? FLAKY_MS : this.#options.prepareMs
      await this.#options.clock.sleep(lastsMs)
      if (this.#boots !== boot || !this.#isUp) throw unreachable()
      if (running.cancelled) throw blocked('cancelled', 'the preparation was cancelled')
      if (failure !== undefined) throw failure
      this.#slots[target] = { image, state: 'verified' }
      this.#operation = { id: params.operation_id ?? '', image, target }
      this.#phase = 'SlotVerified'
      this.#tell('prepared', this.#operation)
    } finally {
      if (this.#running === running) this.#running = undefined
    }
  }

  #admit(image: ImageIdentity, attempt: string | undefined): void {
    this.#refuseBusy()
    if (this.#phase === 'Armed') throw blocked('trial-open', 'a trial is open')
    const tries = this.#triesOf(image)
    if (attempt !== undefined && !tries.tokens.has(attempt)) {
      tries.tokens.add(attempt)
      tries.allowed += 1
    }
    this.#refuseFailed(image)
  }

  #refuseFailed(image: ImageIdentity): void {
    const tries = this.#triesOf(image)
    const mayTry = tries.failures === 0 || tries.allowed > 0
    if (!mayTry && this.#options.counts !== false)
      throw blocked('image-failed-before', 'this image fell back on this node')
  }

  #isPrepared(image: ImageIdentity): boolean {
    return this.#phase === 'SlotVerified' && isSame(this.#slots[this.#other()].image, image)
  }

  #prepareFailure(version: string): OsError | undefined {
    const outcome = this.#options.outcomeOf(version)
    if (outcome === 'integrity')
      return new OsError('integrity', { code: 'image-digest-mismatch', message: 'digest differs' })
    const failed = this.#flaky.get(version) ?? 0
    if (outcome !== 'flaky' || failed >= FLAKY_FAILURES) return undefined
    this.#flaky.set(version, failed + 1)
    return new OsError('transient', { code: 'download-broken', message: 'the download broke' })
  }

  async #upgrade(extras: OperationExtras | undefined): Promise<void> {
    await this.#answer(() => {
      this.#refuseBusy()
      const prepared = this.#operation
      if (this.#phase !== 'SlotVerified' || prepared === undefined)
        throw blocked('nothing-prepared', 'no slot is verified; call prepare_upgrade first')
      this.#refuseFailed(prepared.image)
      this.#arm({ ...prepared, id: extras?.operation_id ?? prepared.id })
    })
  }

  async #rollBack(extras: OperationExtras | undefined): Promise<void> {
    await this.#answer(() => {
      this.#refuseBusy()
      if (this.#phase === 'Armed') throw blocked('trial-open', 'a trial is open')
      const target = this.#other()
      const slot = this.#slots[target]
      if (slot.state !== 'committed')
        throw blocked('no-previous', `the other slot is ${slot.state}; upgrade to the old image`)
      this.#arm({ id: extras?.operation_id ?? '', image: slot.image, target })
    })
  }

  #refuseBusy(): void {
    if (this.#running !== undefined) throw blocked('busy', 'the agent is busy')
  }

  #arm(operation: Operation): void {
    this.#operation = operation
    this.#phase = 'Armed'
    const tries = this.#triesOf(operation.image)
    this.#tell('armed', operation)
    if (tries.failures > 0) tries.allowed = Math.max(0, tries.allowed - 1)
    // Held until the reboot, as the agent holds itself.
    this.#running = { cancelled: false }
    this.#options.clock.schedule(DOWN_AFTER_MS, () => this.#goDown())
  }

  #goDown(): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#running = undefined
    if (this.#phase === 'Armed' && this.#operation !== undefined)
      this.#tell('rebooted', this.#operation)
    this.#options.onDown()
    this.#options.clock.schedule(this.#options.rebootMs, () => this.#boot())
  }

  #boot(): void {
    const operation = this.#phase === 'Armed' ? this.#operation : undefined
    this.#boots += 1
    const isOnTrial = operation !== undefined && this.#trial?.operationId !== operation.id
    if (!isOnTrial) {
      // Cut off in its trial: the one-shot entry is spent, so the old slot boots.
      if (operation !== undefined) this.#fallBack(operation, 'TrialInterrupted')
      return this.#goUp()
    }
    const outcome = this.#options.outcomeOf(operation.image.version)
    this.#setTrial(operation, 'InTrial')
    if (outcome === 'panics') {
      this.#boots += 1
      this.#fallBack(operation, 'TrialNotReached')
      return this.#goUp()
    }
    this.#booted = operation.target
    this.#goUp()
    const boot = this.#boots
    this.#options.clock.schedule(this.#options.trialMs, () => {
      if (this.#boots !== boot || !this.#isUp) return
      if (outcome === 'unhealthy') this.#leaveTrial(operation)
      else this.#commit(operation)
    })
  }

  #goUp(): void {
    this.#isUp = true
    this.#options.onUp()
  }

  #commit(operation: Operation): void {
    const slot = this.#slots[operation.target]
    this.#slots[operation.target] = { ...slot, state: 'committed' }
    this.#setTrial(operation, 'Committed')
    this.#phase = 'Idle'
    this.#tell('committed', operation)
  }

  #leaveTrial(operation: Operation): void {
    this.#isUp = false
    this.#options.onDown()
    this.#options.clock.schedule(this.#options.rebootMs, () => {
      this.#boots += 1
      this.#fallBack(operation, 'TrialUnhealthy')
      this.#goUp()
    })
  }

  #fallBack(operation: Operation, verdict: TrialVerdict): void {
    const slot = this.#slots[operation.target]
    this.#slots[operation.target] = { ...slot, state: 'bad' }
    this.#booted = operation.target === 'A' ? 'B' : 'A'
    this.#triesOf(operation.image).failures += 1
    this.#setTrial(operation, verdict)
    this.#phase = 'Idle'
    this.#tell('fell-back', operation)
  }

  #setTrial({ id, image }: Operation, verdict: TrialVerdict): void {
    const since = new Date(this.#options.clock.nowMs()).toISOString()
    const reasons = verdict === 'TrialUnhealthy' ? ['sshd.service failed'] : []
    this.#trial = { operationId: id, image, verdict, reasons, since }
  }

  #cancel(): void {
    if (this.#running !== undefined && this.#phase !== 'Armed') this.#running.cancelled = true
  }

  #tell(what: AgentEvent['what'], { id, image }: Operation): void {
    const { failures, allowed } = this.#triesOf(image)
    const { node, onEvent } = this.#options
    onEvent({ node, what, image, operationId: id, failures, allowed })
  }

  #triesOf(image: ImageIdentity): Tries {
    const key = `${image.digest}/${image.version}`
    let tries = this.#tries.get(key)
    if (tries === undefined)
      this.#tries.set(key, (tries = { failures: 0, allowed: 0, tokens: new Set() }))
    return tries
  }

  #other(): SlotName {
    return this.#booted === 'A' ? 'B' : 'A'
  }

  #status(): AgentStatus {
    const slots = (['A', 'B'] as const).map((name) => ({
      name,
      booted: this.#booted === name,
      version: this.#slots[name].image.version,
      state: this.#slots[name].state,
      tries: 0,
    }))
    return {
      agentVersion: '1.0.0',
      capabilities: ['status', 'cancel', 'report'],
      bootId: this.bootId,
      osVersion: this.runs,
      slots,
      degraded: [],
      ...(this.#trial === undefined ? {} : { trial: this.#trial }),
    }
  }
}

function isSame(a: ImageIdentity, b: ImageIdentity): boolean {
  return a.digest === b.digest && a.version === b.version
}

function unreachable(): OsError {
  return new OsError('transient', {
    code: 'agent-unreachable',
    message: 'Cannot connect to the agent socket',
  })
}

function blocked(code: string, why: string): OsError {
  return new OsError('blocked', { code, message: `Cannot start: ${why}` })
}
