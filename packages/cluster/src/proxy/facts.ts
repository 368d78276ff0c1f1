// Everything the proxy's decision looks at. Facts are plain data: the cluster's objects as last
// seen, the agent's answer, and what this process remembers of calls that run or failed.
import type { AgentStatus } from '@kubenest/api/agent/rpc'
import type { Node } from '@kubenest/api/core/objects'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { OsError } from '@kubenest/base/errors'

/** The OS object that owns the node; `absent` is said only after a read that confirmed it. */
export type OsFacts =
  { readonly state: 'loading' | 'absent' } | { readonly state: 'present'; readonly os: Os }

/** What the agent told. `documented`: it answers, but knows no `status` (upstream's agent). */
export type AgentFacts =
  | { readonly state: 'unknown'; readonly message: string }
  | { readonly state: 'documented' }
  | { readonly state: 'described'; readonly status: AgentStatus }

/** Long calls run beside the reconcile loop, one at a time. */
export type TaskKind = 'configure' | 'prepare' | 'drain' | 'activate'

/** The long call of this process that runs or has ended well. */
export interface TaskFacts {
  readonly kind: TaskKind
  readonly operationId: string
  readonly state: 'running' | 'done'
  readonly startedMs: number
  /** Sentence for the status, for example the pods that are still there. */
  readonly message?: string
}

/** What can fail and is repeated. */
export type FallibleStep = TaskKind | 'lookForBlockers'

/** A step that failed, with the count of failures in a row. Forgotten when the step succeeds. */
export interface FailureFacts {
  readonly step: FallibleStep
  readonly operationId: string
  readonly error: OsError
  readonly attempts: number
  readonly firstMs: number
  readonly lastMs: number
}

/** Result of the last look at what would block a drain. */
export interface BlockerFacts {
  readonly operationId: string
  readonly blockers: readonly string[]
  /** When the next look is due. */
  readonly nextMs: number
  readonly looks: number
  /**
   * The record's `drainStops` at that time: after a stopped drain earlier looks no longer count.
   */
  readonly stops: number
  /** `evictpodforce` at that time: who follows the advice to set it is not kept waiting. */
  readonly force: boolean
}

export interface Facts {
  readonly node: Node | undefined
  readonly instance: OsInstance | undefined
  /** The instance was read from the API server after the node was seen as it is here. */
  readonly isInstanceFresh: boolean
  readonly os: OsFacts
  readonly agent: AgentFacts
  readonly task: TaskFacts | undefined
  readonly failure: FailureFacts | undefined
  readonly blockers: BlockerFacts | undefined
  /**
   * The node was already assigned when this process first saw it: somebody else's half-finished
   * work.
   */
  readonly wasAssignedAtStart: boolean
  /** Id for an operation that has no claim. */
  readonly freshId: string
}

/** A node and an instance that exist: what every decision beyond the first rows may rely on. */
export interface Subject {
  readonly node: Node
  readonly instance: OsInstance
}
