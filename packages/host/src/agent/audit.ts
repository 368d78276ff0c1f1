// One line per accepted operation: who asked, for what, and the digest of what was asked. Written
// whatever level the log has. Contents never stand here: settings and addresses can hold secrets.
import type { Logger } from '@kubenest/base/log'
import type { Caller } from './rpc/caller.ts'

/** What was accepted. */
export interface AcceptedOperation {
  readonly type: string
  /** Operation id. */
  readonly id?: string
  /** Version asked for. */
  readonly version?: string
  /** SHA-256, hex: of the image on the wire, or of the settings request. */
  readonly digest?: string
}

/** The audit log. */
export interface Audit {
  accepted(caller: Caller, operation: AcceptedOperation): void
}

/** Makes the audit log; `log` must let `info` through. */
export function createAudit(log: Logger): Audit {
  return {
    accepted: ({ pid, uid, loginUid, cgroup }, { type, id, version, digest }) =>
      log.info('audit', {
        event: 'accepted',
        type,
        operation: id,
        version,
        digest,
        uid,
        loginUid,
        pid,
        cgroup,
      }),
  }
}
