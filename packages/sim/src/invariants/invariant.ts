// What an invariant is: a function over the history of the API server and what happened on the
// machines. It returns a sentence when it is broken. Stateful ones are made anew for each run.
import type { Node, Pod } from '@kubenest/api/core/objects'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { AgentEvent, ImageOutcome } from '../fakes/fake-agent.ts'
import type { StoredChange } from '../fakes/object-store.ts'

/** A machine as invariants see it. */
export interface MachineView {
  readonly runs: string
  readonly isUp: boolean
  readonly isArmed: boolean
  hasCommitted(version: string): boolean
}

/** The world at one moment: what is stored, not what anybody believes. */
export interface World {
  readonly nowMs: number
  readonly os: Os | undefined
  readonly nodes: readonly Node[]
  readonly instances: readonly OsInstance[]
  readonly pods: readonly Pod[]
  node(name: string): Node | undefined
  instance(name: string): OsInstance | undefined
  machine(name: string): MachineView | undefined
  /** How that image behaves on that node. */
  outcome(node: string, version: string): ImageOutcome
  /** The API server keeps the status that we write. */
  readonly keepsStatus: boolean
  /** The operator may write claims. */
  readonly mayClaim: boolean
}

/** One rule. Each function returns a sentence when the rule is broken. */
export interface Invariant {
  /** As the reliability notes number it, for example `I16`. */
  readonly id: string
  /** After each write to the API server. */
  readonly onChange?: (change: StoredChange, world: World) => string | undefined
  /** After each thing that happens on a machine. */
  readonly onAgent?: (event: AgentEvent, world: World) => string | undefined
  /** When everything has come to rest, and no fault is left. */
  readonly atRest?: (world: World) => string | undefined
}

/** Who writes for us; everybody else is a person, a kubelet or a controller of the cluster. */
export function isOurs(identity: string): boolean {
  return identity.startsWith('operator') || identity.startsWith('proxy')
}
