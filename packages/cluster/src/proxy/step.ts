// What the proxy can do next. Each step makes at most one write to the API server or one call to
// the agent, so that a crash after any of them is a state that the decision already knows.
import type { Configs } from '@kubenest/api/os/os'
import type { ManualHold, OperationRecord, Verdict } from '@kubenest/api/os/records'
import type { TaskKind } from './facts.ts'
import type { OsError } from '@kubenest/base/errors'

/** Settings that an OSInstance carries. */
export type ConfigKind = 'sysconfigs' | 'upgradeconfigs'

/** One repeatable step. `operation` is the durable record that the step belongs to. */
export type Step =
  | { readonly do: 'ensureInstance' }
  /** Read the OSInstance again before the node is changed because of what it says. */
  | { readonly do: 'refreshInstance' }
  /**
   * Write the operation record: a new operation, or the next phase; with a verdict when it failed.
   */
  | { readonly do: 'record'; readonly operation: OperationRecord; readonly verdict?: Verdict }
  /** `operationId` names operation, kind and version: the identity of this call. */
  | {
      readonly do: 'configure'
      readonly kind: ConfigKind
      readonly operationId: string
      /** Restart what reads the changed files (spec.rollout.restartServices). */
      readonly restart: boolean
    }
  /** The agent has applied them: write it to the status. */
  | { readonly do: 'recordApplied'; readonly kind: ConfigKind }
  /** The OS object's sysconfigs changed after the reboot (row 5). */
  | { readonly do: 'replaceSysconfigs'; readonly sysconfigs: Configs | undefined }
  | { readonly do: 'prepare'; readonly operation: OperationRecord }
  | {
      readonly do: 'lookForBlockers'
      readonly operation: OperationRecord
      readonly dryRun: boolean
    }
  | { readonly do: 'cordon'; readonly operation: OperationRecord }
  | { readonly do: 'drain'; readonly operation: OperationRecord; readonly deadlineMs: number }
  /** Last go or no-go on fresh reads, then record Armed with this boot id. */
  | { readonly do: 'arm'; readonly operation: OperationRecord; readonly bootId: string }
  | { readonly do: 'activate'; readonly operation: OperationRecord }
  /** Tell the agent what the API server sees of this node. */
  | { readonly do: 'watchTrial'; readonly operation: OperationRecord; readonly untilMs: number }
  | {
      readonly do: 'hold'
      readonly hold: ManualHold
      readonly operation: OperationRecord
      readonly verdict: Verdict
    }
  | { readonly do: 'uncordon' }
  /** OSInstance idle and unowned, with the verdict and the end of the record in the same write. */
  | { readonly do: 'idle'; readonly operation: OperationRecord; readonly verdict: Verdict }
  | { readonly do: 'removeLabel'; readonly label: string }
  /** Nothing can be done now; `reason` and `message` go to the status. */
  | {
      readonly do: 'wait'
      readonly reason: string
      readonly message: string
      readonly untilMs: number
      /** The long call that goes on meanwhile; any other one is abandoned. */
      readonly keeps?: TaskKind
    }
  /** Wrong as written, or facts are missing: said in status and repeated (rows 3 and 9). */
  | { readonly do: 'fail'; readonly error: OsError }
  /** Nothing to do until something changes. */
  | { readonly do: 'rest'; readonly reason?: string; readonly message?: string }
