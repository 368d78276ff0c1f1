// What the agent's request handlers and commands need of the update machinery. The engine owns the
// journal, the boot selector and the standby slot; it does one operation at a time and refuses
// others.
import type {
  AgentSlotDetail,
  AgentStatus,
  OperationExtras,
  PrepareUpgradeParams,
  ReportParams,
} from '@kubenest/api/agent/rpc'

/** Progress of a running operation, for `status`. */
export interface ProgressUpdate {
  readonly phase: 'Fetching' | 'Writing' | 'Verifying'
  readonly bytesDone: number
  readonly bytesTotal?: number
}

export interface UpdateEngine {
  /**
   * Called once at start, before the first request: verdict of a trial, finishing of half-done
   * steps (4.7).
   */
  recover(): Promise<void>
  /**
   * Slot written and verified, nothing armed (steps 1 to 8). Repeated with the same digest: returns
   * at once (decision 14).
   */
  prepare(
    request: PrepareUpgradeParams,
    onProgress: (update: ProgressUpdate) => void,
    signal: AbortSignal,
  ): Promise<void>
  /**
   * Arms the verified slot and reboots (steps 10 to 12). The reboot happens after this resolves and
   * the answer was sent.
   */
  activate(extras: OperationExtras): Promise<void>
  /** Arms the previous slot and reboots (decision 21). */
  rollBack(extras: OperationExtras): Promise<void>
  /** Reboots; called by the handler after the answer has been flushed. */
  reboot(): Promise<void>
  /** Parts of `status` that the engine knows. */
  describe(): Promise<Pick<AgentStatus, 'bootId' | 'osVersion' | 'slots' | 'trial' | 'degraded'>>
  /** Both slots in full; throws when they cannot be told. */
  slots(): Promise<AgentSlotDetail[]>
  /** What the cluster sees of this node, kept for the health gate (decision 19). */
  report(report: ReportParams): Promise<void>
  /** A person allows one more trial of this image on this node (`os-agent allow`). */
  allow(image: { digest: string; version: string }): Promise<void>
  /** Something goes on beside the requests: the program must not end for idleness. */
  hasBackgroundWork(): boolean
}
