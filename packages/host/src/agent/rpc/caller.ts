// Who asks for an operation, as the kernel tells it; goes into the audit log.

/** A client of the socket at the time of its request, or the person who runs a command. */
export interface Caller {
  readonly pid: number
  readonly uid: number
  /** Unit or pod; absent when the client was gone before it could be looked up. */
  readonly cgroup?: string
  /** User who logged in, whatever they became since; absent for services and pods. */
  readonly loginUid?: number
}
